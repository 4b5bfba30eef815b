"""A mail as RFC 5322 writes it, built in one place for every mailer. Pure.

Program output and recipients are strangers' text: what would break out of a header is refused, never mended.

The bytes are put together here, since the standard library parses every header that it is given (ADR 64); what needs
encoding is left to it.
"""

import base64
import binascii
import secrets
from collections.abc import Iterator
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

from job_runner.mailers.base import Email
from shared.errors import MailRefused

#: Octets in a line, without its end (RFC 5322, section 2.1.1).
_LONGEST_LINE: Final = 998
#: Characters. The library's parser takes long for more, and no mail server takes it (RFC 5321, section 4.5.3.1).
_LONGEST_ADDRESS: Final = 320
#: How the library writes a header that is not plain. Lines may be as long as they can be: at the usual 78 it writes
#: long addresses as encoded words, which no mail program follows (RFC 2047, section 5).
_POLICY: Final = SMTP.clone(max_line_length=_LONGEST_LINE)
_UTF8_POLICY: Final = _POLICY.clone(utf8=True)


def write_message(email: Email, sender: Address, now: datetime) -> bytes:
    """Text with an HTML alternative; `MailRefused` for what no header can hold.

    All ASCII, since not every server on the way takes more (RFC 6152), unless the recipient's local part is not.
    """
    recipient = parse_recipient(email.recipient)
    # Only a local part beyond ASCII needs RFC 6532's headers, which not every server takes either.
    policy = _POLICY if recipient.username.isascii() else _UTF8_POLICY
    # It is not looked for in the parts: nobody guesses this one.
    boundary = f"precieux-{secrets.token_hex(16)}"
    headers = {
        "From": str(sender),
        "To": str(recipient),
        "Subject": single_line(email.subject),
        "Date": format_datetime(now),
        "Message-ID": single_line(email.message_id),
        **extra_headers(email),
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{boundary}"',
    }
    try:
        return b"\r\n".join(
            (
                *(_header(name, value, policy) for name, value in headers.items()),
                b"",
                *_part("plain", email.text, boundary),
                *_part("html", email.html, boundary),
                f"--{boundary}--\r\n".encode(),
            )
        )
    except (ValueError, MessageError) as exc:
        raise MailRefused(f"The mail cannot be written: {exc}.") from exc


def _header(name: str, value: str, policy: "EmailPolicy[EmailMessage]") -> bytes:
    """`Name: value`, without the end of its last line."""
    line = f"{name}: {value}"
    if line.isascii() and line.isprintable() and len(line) <= _LONGEST_LINE:
        return line.encode()
    folded: str = policy.fold(name, policy.header_factory(name, value))
    return folded.removesuffix("\r\n").encode()


def _part(subtype: str, text: str, boundary: str) -> Iterator[bytes]:
    """The lines of one part, with the boundary before it."""
    lines = text.encode().splitlines() or [b""]
    yield f'--{boundary}\r\nContent-Type: text/{subtype}; charset="utf-8"'.encode()
    if all(line.isascii() and len(line) <= _LONGEST_LINE for line in lines):
        yield b"Content-Transfer-Encoding: 7bit\r\n"
        yield from lines
        return
    data = b"\r\n".join((*lines, b""))
    quoted = binascii.b2a_qp(data)
    # Letters beyond ASCII take three bytes each there; text of many of them is shorter in the other form.
    if len(quoted) <= len(data) * 4 / 3:
        yield b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted.removesuffix(b"\r\n")
    else:
        yield b"Content-Transfer-Encoding: base64\r\n"
        yield from base64.encodebytes(data).splitlines()


def extra_headers(email: Email) -> dict[str, str]:
    """No answers from out-of-office programs (RFC 3834), and a way out by one click (RFC 8058)."""
    headers = {"Auto-Submitted": "auto-generated"}
    if email.unsubscribe is not None:
        headers["List-Unsubscribe"] = f"<{single_line(email.unsubscribe)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


@lru_cache(maxsize=1024)
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
    if not at or not text.isprintable() or len(text) > _LONGEST_ADDRESS:
        raise ValueError("not an address")
    # A domain beyond ASCII travels in its ASCII form (RFC 5891), which every server takes.
    domain = domain.encode("idna").decode()
    if local.isascii():
        return Address(addr_spec=f"{local}@{domain}")
    # RFC 6531 allows letters beyond ASCII wherever a letter may stand; the parser knows only the rules for those.
    Address(addr_spec=f"{''.join(c if c.isascii() else 'x' for c in local)}@{domain}")
    return Address(username=local, domain=domain)
