"""The channels of NOTIFY on which the services wake each other (https://www.postgresql.org/docs/current/sql-notify.html).

A lost notification costs time, never work: each listener also polls.
"""

from typing import Final

#: Notified after rows of the outbox were committed; without RabbitMQ the consumers listen.
OUTBOX: Final = "precieux_outbox"
#: Notified with each job that became due, or is due at another time than before; the runners listen.
JOBS: Final = "precieux_jobs"
#: Notified with each mail to be sent; the mail senders listen.
EMAILS: Final = "precieux_emails"
#: Notified with the id of a submission whose state or tests changed; the API's streams and waits listen.
SUBMISSIONS: Final = "precieux_submissions"
#: Notified with a submission's id, a number, the stream and a text that its program has just written to it, with blanks
#: in between; the API's streams listen.
LIVE_OUTPUT: Final = "precieux_live_output"
#: Notified with the lease of a job that was cancelled while it ran; the runners listen.
CANCELLATIONS: Final = "precieux_cancellations"
#: Notified with the id of a key that was revoked; the API's streams listen.
KEYS: Final = "precieux_keys"
#: Notified with each webhook to be delivered; the webhook senders listen.
WEBHOOKS: Final = "precieux_webhooks"
#: Notified with the id of a batch of which a submission has ended; the API's streams and the runners listen.
BATCHES: Final = "precieux_batches"
#: Notified when data of a package may be checked: a check has begun, or the one before is over; the runners listen.
CHECKS: Final = "precieux_checks"
