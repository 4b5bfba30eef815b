"""The e-mail address that a result is mailed to: its check, and its form in OpenAPI."""

from typing import Annotated, Final

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, WithJsonSchema

#: RFC 5321, section 4.5.3.1.3, without the angle brackets.
_MAX_ADDRESS: Final = 254
#: RFC 5321, section 4.5.3.1.1.
_MAX_LOCAL_PART: Final = 64
_EMAIL: Final = "someone@example.com"


def storable(text: str) -> str:
    """Return the text if Postgres can store it; raise `ValueError` otherwise."""
    if "\0" in text:
        raise ValueError("it must not contain a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it must not contain lone surrogates (half of a UTF-16 pair)") from None
    return text


def _address(text: str) -> str:
    if len(text) > _MAX_ADDRESS:  # checked first, because a long text takes long to parse
        raise ValueError(f"it is not an e-mail address: it has more than {_MAX_ADDRESS} characters")
    if len(text.rpartition("@")[0]) > _MAX_LOCAL_PART:
        raise ValueError(f"it is not an e-mail address: it has more than {_MAX_LOCAL_PART} characters before the @")
    if "<" in text:
        raise ValueError("it is not an e-mail address: send the address alone, without a name and without < and >")
    if " " in text:
        raise ValueError("it contains a space; send one address, and in a query string write %2B for a +")
    try:
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as exc:
        raise ValueError(f"it is not an e-mail address such as {_EMAIL}: {str(exc).rstrip('.')}") from None
    return address.ascii_email or address.normalized


def ignoring_case(name: str) -> str:
    """Return a regular expression for a name in upper or lower case. ECMA-262 has no flag within an expression."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else c.replace("+", r"\+") for c in name)


_ATOM: Final = r"[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST_LABEL: Final = r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,61})?[A-Za-z]"
#: Domains that no mail reaches: those for special use, and those with a label in the form reserved for punycode.
_NO_DOMAIN: Final = rf"(?:[^@]*\.)?(?:(?:{'|'.join(map(ignoring_case, SPECIAL_USE_DOMAIN_NAMES))})$|[^.@]{{2}}--)"
#: The addresses that `_address` accepts, except domains that are not in ASCII, or in punycode.
_ADDRESS: Final = (
    rf"^(?=[^@]{{1,{_MAX_LOCAL_PART}}}@){_ATOM}(?:\.{_ATOM})*@(?!{_NO_DOMAIN})(?:{_LABEL}\.)+{_LAST_LABEL}$"
)

Address = Annotated[
    str,
    AfterValidator(storable),
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": _MAX_ADDRESS, "pattern": _ADDRESS}),
    Field(examples=[_EMAIL]),
]
