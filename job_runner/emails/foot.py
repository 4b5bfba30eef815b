"""The foot of every mail: who sent it, why the reader gets it, where to complain, and how to stop it. Pure.

It is added when the mail is sent, so that it holds the settings and the signature of that time.
"""

from dataclasses import dataclass, replace
from typing import Final

from job_runner.emails.templates import TEMPLATES
from job_runner.mailers.base import Email

_REASON: Final = "because a program was submitted there with your address as the recipient of its result."


@dataclass(frozen=True, slots=True)
class Foot:
    """The foot of mails from `sender`. Complaints go to `contact`, a mail address or an http(s) URL."""

    sender: str
    contact: str

    def below(self, email: Email) -> Email:
        """Return the mail with the foot below its text and its HTML. The foot links to `email.unsubscribe`."""
        text = (
            f"This mail was sent by {self.sender}, {_REASON}\n"
            f"Complaints: {self.contact}\n"
            f"Stop these mails: {email.unsubscribe}\n"
        )
        html = TEMPLATES.get_template("foot.html.j2").render(
            sender=self.sender,
            reason=_REASON,
            contact=self.contact,
            contact_link=self.contact if "://" in self.contact else f"mailto:{self.contact}",
            unsubscribe=email.unsubscribe,
        )
        # Output is escaped, so this tag is the template's.
        before, end, after = email.html.rpartition("</body>")
        return replace(
            email,
            text=f"{email.text}\n{text}",
            html=f"{before}{html}\n{end}{after}" if end else f"{email.html}{html}",
        )
