"""The foot of every mail: who sent it, why the reader gets it, where to complain, and how to stop it. Pure.

The text ends as the original's does, so there the foot is the last rows of the table.

It is added when the mail is sent, so that it holds the settings and the signature of that time.
"""

from dataclasses import dataclass, replace
from typing import Final

from job_runner.emails.original import FIRST_ROW, REGARDS
from job_runner.emails.templates import TEMPLATES
from job_runner.mailers.base import Email

_REASON: Final = "because a program was submitted there with your address as the recipient of its result."


@dataclass(frozen=True, slots=True)
class Foot:
    """The foot of mails from `sender`. Complaints go to `contact`, a mail address or an http(s) URL."""

    sender: str
    contact: str

    def below(self, email: Email) -> Email:
        """Return the mail with the foot in its text and below its HTML. The foot links to `email.unsubscribe`."""
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
            text=self._in_text(email),
            html=f"{before}{html}\n{end}{after}" if end else f"{email.html}{html}",
        )

    def _in_text(self, email: Email) -> str:
        rows = {"sent by": f"{self.sender}, {_REASON}", "complaints": self.contact, "unsubscribe": email.unsubscribe}
        foot = "\n".join(f"{label + ':':{len(FIRST_ROW)}}  {value}" for label, value in rows.items())
        before, regards, _ = email.text.rpartition(f"\n\n{REGARDS}")
        if not regards:  # an earlier release has written it
            return f"{email.text}\n{foot}\n"
        gap = "\n" if FIRST_ROW in before else "\n\n"
        return f"{before}{gap}{foot}{regards}"
