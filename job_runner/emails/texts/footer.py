"""The footer of every mail: who sent it, why the reader gets it, where to complain, and how to unsubscribe. Pure.

The original's text must end as it does, so there the footer is the last rows of the table.

The footer is added when the mail is sent, so it has the settings and the signature of that time.
"""

from dataclasses import dataclass, replace
from typing import Final

from job_runner.emails.mailers.base import Email
from job_runner.emails.texts.legacy_mail import FIRST_ROW, REGARDS
from job_runner.emails.texts.templating import render_html, render_text

#: Where the footer belongs in the HTML. All that strangers wrote is escaped, so this is the template's.
_PLACE: Final = "<!--footer-->"
_REASON: Final = "because a program was submitted there with your address as the recipient of its result."


@dataclass(frozen=True, slots=True)
class Footer:
    """The footer of mails from `sender`. Complaints go to the address `contact`."""

    sender: str
    contact: str

    def add_to(self, email: Email) -> Email:
        """Return the mail with the footer in its text and its HTML. The footer links to `email.unsubscribe`."""
        values = {
            "sender": self.sender,
            "contact": self.contact,
            "unsubscribe": email.unsubscribe,
        }
        html = render_html("footer", email.locale, **values)
        before, _, after = email.html.rpartition(_PLACE)
        return replace(
            email,
            text=self._in_text(email) or f"{email.text}{render_text('footer', email.locale, **values)}",
            html=f"{before}{html}\n{after}",
        )

    def _in_text(self, email: Email) -> str | None:
        """Return the text with the footer above the original's end; None if it has another end."""
        before, regards, _ = email.text.rpartition(f"\n\n{REGARDS}")
        if not regards:
            return None
        rows = {"sent by": f"{self.sender}, {_REASON}", "complaints": self.contact, "unsubscribe": email.unsubscribe}
        footer = "\n".join(f"{label + ':':{len(FIRST_ROW)}}  {value}" for label, value in rows.items())
        gap = "\n" if FIRST_ROW in before else "\n\n"
        return f"{before}{gap}{footer}{regards}"
