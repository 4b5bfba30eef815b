"""The footer of every mail: who sent it, why the reader gets it, where to complain, and how to unsubscribe. Pure.

The text must end as in the original, so there the footer is the last rows of the table.

The footer is added when the mail is sent, so it has the settings and the signature of that time.
"""

from dataclasses import dataclass, replace
from typing import Final

from job_runner.emails.original import FIRST_ROW, REGARDS
from job_runner.emails.templates import TEMPLATES
from job_runner.mailers.base import Email

_REASON: Final = "because a program was submitted there with your address as the recipient of its result."


@dataclass(frozen=True, slots=True)
class Footer:
    """The footer of mails from `sender`. Complaints go to `contact`, a mail address or an http(s) URL."""

    sender: str
    contact: str

    def add_to(self, email: Email) -> Email:
        """Return the mail with the footer in its text and its HTML. The footer links to `email.unsubscribe`."""
        html = TEMPLATES.get_template("footer.html.j2").render(
            sender=self.sender,
            reason=_REASON,
            contact=self.contact,
            contact_link=self.contact if "://" in self.contact else f"mailto:{self.contact}",
            unsubscribe=email.unsubscribe,
        )
        # The output is escaped, so this tag is the template's.
        before, end, after = email.html.rpartition("</body>")
        return replace(
            email,
            text=self._in_text(email),
            html=f"{before}{html}\n{end}{after}" if end else f"{email.html}{html}",
        )

    def _in_text(self, email: Email) -> str:
        rows = {"sent by": f"{self.sender}, {_REASON}", "complaints": self.contact, "unsubscribe": email.unsubscribe}
        footer = "\n".join(f"{label + ':':{len(FIRST_ROW)}}  {value}" for label, value in rows.items())
        before, regards, _ = email.text.rpartition(f"\n\n{REGARDS}")
        if not regards:  # an earlier release has written it
            return f"{email.text}\n{footer}\n"
        gap = "\n" if FIRST_ROW in before else "\n\n"
        return f"{before}{gap}{footer}{regards}"
