"""The channels of NOTIFY on which the services wake each other (https://www.postgresql.org/docs/current/sql-notify.html).

A lost notification costs time, never work: each listener also polls.
"""

from typing import Final

#: Notified with each job that became due; the runners listen.
JOBS: Final = "precieux_jobs"
#: Notified with each mail to be sent; the mail senders listen.
EMAILS: Final = "precieux_emails"
