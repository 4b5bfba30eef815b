"""A mail as RFC 5322 writes it, built in one place for every mailer. Pure.

Program output and recipients are strangers' text: what would break out of a header is refused, never mended.
"""

import secrets
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from job_runner.mailers.base import Email
from shared.errors import MailRefused

#: Seven-bit on the wire, since not every server on the way takes more (RFC 6152). Lines may be as long as RFC 5322
#: allows: at the usual 78 the library writes a long address of `List-Unsubscribe` as encoded words, which no mail
#: program follows (RFC 2047, section 5).
_POLICY: Final = SMTP.clone(cte_type="7bit", max_line_length=998)


def build_message(email: Email, sender: Address, now: datetime) -> EmailMessage:
    """Text with an HTML alternative; `MailRefused` for what no header can hold."""
    recipient = parse_recipient(email.recipient)
    # Only a local part beyond ASCII needs RFC 6532's headers, which not every server takes.
    message = EmailMessage(_POLICY if recipient.username.isascii() else _POLICY.clone(utf8=True, cte_type="8bit"))
    try:
        message["From"] = sender
        message["To"] = recipient
        # The library lets one line break pass at the very end, which would end the headers here.
        message["Subject"] = single_line(email.subject)
        message["Date"] = format_datetime(now)
        message["Message-ID"] = email.message_id
        for name, value in extra_headers(email).items():
            message[name] = value
        message.set_content(email.text)
        # The library's own boundary is looked for in the whole text first; nobody guesses this one.
        message.make_alternative(boundary=f"precieux-{secrets.token_hex(16)}")
        message.add_alternative(email.html, subtype="html")
    except (ValueError, MessageError) as exc:
        raise MailRefused(f"The mail cannot be written: {exc}.") from exc
    return message


def extra_headers(email: Email) -> dict[str, str]:
    """No answers from out-of-office programs (RFC 3834), and a way out by one click (RFC 8058)."""
    headers = {"Auto-Submitted": "auto-generated"}
    if email.unsubscribe is not None:
        headers["List-Unsubscribe"] = f"<{single_line(email.unsubscribe)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def parse_recipient(text: str) -> Address:
    """The one address that `text` is; `MailRefused` when it is none, or several, or more than an address."""
    try:
        address = _address(text)
    except (ValueError, MessageError, IndexError) as exc:
        raise MailRefused("The recipient is not a mail address.") from exc
    if address.username == "" or address.domain == "":
        raise MailRefused("The recipient is not a mail address.")
    return address


def parse_sender(text: str) -> Address:
    """`Name <address>` or an address alone; `ValueError` when it is neither, or several."""
    if "\r" in text or "\n" in text:
        raise ValueError("a sender is one line")
    message = EmailMessage()
    message["From"] = text
    header = message["From"]
    if header.defects or len(header.addresses) != 1 or not header.addresses[0].domain:
        raise ValueError("not one mail address")
    address: Address = header.addresses[0]
    return address


def single_line(text: str) -> str:
    """The text itself; `MailRefused` when it would end its header and begin another."""
    if any(character in text for character in "\r\n\0"):
        raise MailRefused("The subject holds a line break.")
    return text


def _address(text: str) -> Address:
    local, at, domain = text.rpartition("@")
    if not at or not text.isprintable():
        raise ValueError("not an address")
    # A domain beyond ASCII travels in its ASCII form (RFC 5891), which every server takes.
    domain = domain.encode("idna").decode()
    if local.isascii():
        return Address(addr_spec=f"{local}@{domain}")
    # RFC 6531 allows letters beyond ASCII wherever a letter may stand; the parser knows only the rules for those.
    Address(addr_spec=f"{''.join(c if c.isascii() else 'x' for c in local)}@{domain}")
    return Address(username=local, domain=domain)
