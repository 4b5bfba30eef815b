"""Builds the bytes of a mail (RFC 5322) for every mailer. Pure.

Program output and recipients are strangers' text. A text that would break out of a header is refused, never repaired.

The standard library's `email` builds the parts and writes them. Its policy would parse every header into a tree, and
fold the tree back into the same text. `_Verbatim` spares that to headers that need no encoding (ADR 33).
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from datetime import datetime
from email.errors import MessageError
from email.generator import BytesGenerator
from email.headerregistry import Address
from email.message import EmailMessage, Message, MIMEPart
from email.policy import EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final

from job_runner.emails.mailers.base import AttachedFile, Email
from job_runner.emails.mailers.errors import MailRefused

#: Octets in a line, without its end (RFC 5322, section 2.1.1).
_MAX_LINE: Final = 998
#: Characters of an address: 64 before the @, 255 after it (RFC 5321, section 4.5.3.1). Parsers are not linear.
_MAX_ADDRESS: Final = 320


class _Verbatim(EmailPolicy):
    """The library's policy, but for printable ASCII headers that fit a line: those are written as they are.

    Lines are as long as they may be. With the usual 78 octets, long addresses would become encoded words, which mail
    programs do not accept there (RFC 2047, section 5).
    """

    def header_max_count(self, name: str) -> None:
        """Return no limit, because each header is set once. The library would make a class for each to find it."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        if value.isascii() and value.isprintable() and len(name) + len(value) <= _MAX_LINE - 2:
            return name, value
        return super().header_store_parse(name, value)

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        return value

    def fold_binary(self, name: str, value: Any) -> bytes:
        if type(value) is str:
            return f"{name}: {value}\r\n".encode()
        return super().fold_binary(name, value)


_POLICY: Final = _Verbatim(linesep="\r\n", max_line_length=_MAX_LINE)
#: Only a local part beyond ASCII needs the headers of RFC 6532, which not every server accepts.
_UTF8_POLICY: Final = _POLICY.clone(utf8=True)
#: Lines of base64 have at most 76 characters (RFC 2045).
_BASE64_POLICY: Final = _POLICY.clone(max_line_length=76)


def write_message(email: Email, sender: Address, now: datetime) -> bytes:
    """Return the bytes of a mail: a text and an HTML alternative, and its files. Raises `MailRefused` if it cannot.

    All bytes are ASCII, because not every server accepts others (RFC 6152). Only a local part may need others.
    """
    recipient = parse_recipient(email.recipient)
    headers = {
        "From": str(sender),
        "To": str(recipient),
        "Subject": single_line(email.subject),
        "Date": format_datetime(now),
        "Message-ID": single_line(email.message_id),
        **extra_headers(email),
        "MIME-Version": "1.0",
    }
    try:
        body = _part("plain", email.text), _part("html", email.html)
        if email.attachments:
            files = map(_attachment, email.attachments)
            message = _multipart("mixed", _multipart("alternative", *body), *files, headers=headers)
        else:
            message = _multipart("alternative", *body, headers=headers)
        written = BytesIO()
        BytesGenerator(written, mangle_from_=False, policy=message.policy).flatten(message)
    except (ValueError, MessageError) as exc:
        raise MailRefused(f"The mail cannot be written: {exc}.") from exc
    return written.getvalue()


def _multipart(kind: str, *parts: Message, headers: Mapping[str, str] = MappingProxyType({})) -> Message:
    message = Message(_POLICY if headers.get("To", "").isascii() else _UTF8_POLICY)
    for name, value in headers.items():
        message[name] = value
    # It is random and cannot be guessed, so the parts are not searched for it.
    message["Content-Type"] = f'multipart/{kind}; boundary="precieux-{secrets.token_hex(16)}"'
    message.set_payload([*parts])
    return message


def _part(subtype: str, text: str) -> Message:
    encoding, payload = _encoded(text)
    part = Message(_POLICY)
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = encoding
    part.set_payload(payload)
    return part


def _encoded(text: str) -> tuple[str, str]:
    """Return an encoding (RFC 2045, section 6) and the text in it."""
    lines = text.encode().splitlines()
    if text.isascii() and max(map(len, lines), default=0) <= _MAX_LINE:
        return "7bit", text
    data = b"\r\n".join((*lines, b""))
    quoted = binascii.b2a_qp(data)
    # A byte beyond ASCII takes three there, so a text with many of them is shorter in base64.
    if len(quoted) <= len(data) * 4 / 3:
        return "quoted-printable", quoted.decode()
    return "base64", base64.encodebytes(data).decode()


def _attachment(attachment: AttachedFile) -> Message:
    """Return the part of a file. The library encodes a name beyond ASCII (RFC 2231)."""
    part = MIMEPart(_BASE64_POLICY)
    maintype, _, subtype = attachment.content_type.partition("/")
    subtype, _, parameters = subtype.partition(";")
    part.set_content(attachment.data, maintype, subtype, disposition="attachment", filename=attachment.filename)
    for name, _, value in (parameter.strip().partition("=") for parameter in parameters.split(";") if parameter):
        part.set_param(name, value)
    return part


def extra_headers(email: Email) -> dict[str, str]:
    """Return the headers beyond those that every mail has.

    They prevent out-of-office replies (RFC 3834), offer one-click unsubscribe (RFC 8058), and name the mail's language
    and conversation.
    """
    headers = {"Auto-Submitted": "auto-generated", "Content-Language": single_line(email.locale)}
    if email.unsubscribe is not None:
        headers["List-Unsubscribe"] = f"<{single_line(email.unsubscribe)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if email.references:
        headers["In-Reply-To"] = single_line(email.references[-1])
        headers["References"] = single_line(" ".join(email.references))
    if email.reply_to is not None:
        headers["Reply-To"] = single_line(email.reply_to)
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
    if len(text) > _MAX_ADDRESS:
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
