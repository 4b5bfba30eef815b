"""Builds the bytes of a mail (RFC 5322) for every mailer. Pure.

Program output and recipients are strangers' text. A text that would break out of a header is refused, never repaired.

The headers are written here because the standard library parses each one that it gets (ADR 64). It still encodes those
that need it.
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
#: Characters of an address: 64 before the @, 255 after it (RFC 5321, section 4.5.3.1). Parsers are not linear.
_LONGEST_ADDRESS: Final = 320
#: The library's policy for headers that need encoding. With the usual lines of 78 octets, it would write long addresses
#: as encoded words, which mail programs do not accept there (RFC 2047, section 5).
_POLICY: Final = SMTP.clone(max_line_length=_LONGEST_LINE)
_UTF8_POLICY: Final = _POLICY.clone(utf8=True)


def write_message(email: Email, sender: Address, now: datetime) -> bytes:
    """Return the bytes of a mail: a text and an HTML alternative. Raises `MailRefused` if it cannot be written.

    All bytes are ASCII, because not every server accepts others (RFC 6152). Only a local part may need others.
    """
    recipient = parse_recipient(email.recipient)
    # Only a local part beyond ASCII needs the headers of RFC 6532, which not every server accepts either.
    policy = _POLICY if recipient.username.isascii() else _UTF8_POLICY
    # It is random and cannot be guessed, so the parts are not searched for it.
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
    """Return `Name: value`, without the end of its last line."""
    line = f"{name}: {value}"
    if line.isascii() and line.isprintable() and len(line) <= _LONGEST_LINE:
        return line.encode()
    folded: str = policy.fold(name, policy.header_factory(name, value))
    return folded.removesuffix("\r\n").encode()


def _part(subtype: str, text: str, boundary: str) -> Iterator[bytes]:
    """Yield the lines of one part, beginning with its boundary."""
    lines = text.encode().splitlines() or [b""]
    yield f'--{boundary}\r\nContent-Type: text/{subtype}; charset="utf-8"'.encode()
    if all(line.isascii() and len(line) <= _LONGEST_LINE for line in lines):
        yield b"Content-Transfer-Encoding: 7bit\r\n"
        yield from lines
        return
    data = b"\r\n".join((*lines, b""))
    quoted = binascii.b2a_qp(data)
    # A byte beyond ASCII takes three there, so a text with many of them is shorter in base64.
    if len(quoted) <= len(data) * 4 / 3:
        yield b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted.removesuffix(b"\r\n")
    else:
        yield b"Content-Transfer-Encoding: base64\r\n"
        yield from base64.encodebytes(data).splitlines()


def extra_headers(email: Email) -> dict[str, str]:
    """Return the headers that prevent out-of-office replies (RFC 3834) and offer one-click unsubscribe (RFC 8058)."""
    headers = {"Auto-Submitted": "auto-generated"}
    if email.unsubscribe is not None:
        headers["List-Unsubscribe"] = f"<{single_line(email.unsubscribe)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


@lru_cache(maxsize=1024)
def parse_recipient(text: str) -> Address:
    """Return the address. Raises `MailRefused` if the text is not exactly one address."""
    try:
        address = _address(text)
        if not address.username or not address.domain:
            raise ValueError("only half of an address")
    except (ValueError, MessageError, IndexError) as exc:
        raise MailRefused("The recipient is not a mail address.") from exc
    return address


def parse_sender(text: str) -> Address:
    """Return the address of `Name <address>` or of an address alone. Raises `ValueError` if it is not exactly one."""
    if "\r" in text or "\n" in text:
        raise ValueError("a sender must be one line")
    message = EmailMessage()
    message["From"] = text
    header = message["From"]
    if header.defects or len(header.addresses) != 1 or not header.addresses[0].domain:
        raise ValueError("not exactly one mail address")
    address: Address = header.addresses[0]
    return address


def single_line(text: str) -> str:
    """Return the text. Raises `MailRefused` if it could end its header and begin another."""
    if any(character in text for character in "\r\n\0"):
        raise MailRefused("A header of the mail contains a line break.")
    return text


def _address(text: str) -> Address:
    if len(text) > _LONGEST_ADDRESS:
        raise ValueError("too long for an address")
    local, at, domain = text.rpartition("@")
    if not at or not text.isprintable():
        raise ValueError("not an address")
    # A domain beyond ASCII is sent in its ASCII form (RFC 5891), which every server accepts.
    domain = domain.encode("idna").decode()
    if local.isascii():
        return Address(addr_spec=f"{local}@{domain}")
    # RFC 6531 allows characters beyond ASCII wherever a letter may be, but the parser does not: it gets letters.
    Address(addr_spec=f"{''.join(c if c.isascii() else 'x' for c in local)}@{domain}")
    return Address(username=local, domain=domain)
