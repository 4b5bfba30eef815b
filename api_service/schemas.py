"""What a client may send, checked; and what it gets back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.languages import ALIASES, check_lang

#: RFC 5321, section 4.5.3.1.3, without the angle brackets.
_LONGEST_ADDRESS: Final = 254


def _storable(text: str) -> str:
    """Return the text if Postgres can store it; raise `ValueError` otherwise."""
    if "\0" in text:
        raise ValueError("it must not contain a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it must not contain halves of surrogate pairs") from None
    return text


def _address(text: str) -> str:
    if len(text) > _LONGEST_ADDRESS:  # before it is parsed, which takes long for long texts
        raise ValueError(f"it is not an e-mail address: it has more than {_LONGEST_ADDRESS} characters")
    try:
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as exc:
        raise ValueError(f"it is not an e-mail address: {str(exc).rstrip('.')}") from None
    return address.ascii_email or address.normalized


def _language(text: str) -> str:
    if check_lang(text) is None:
        raise ValueError(f"it must be one of {', '.join(ALIASES)}, or one of their usual names")
    return text


def _decimal(value: object) -> object:
    # pydantic would take "1.0", "1_0" and " 1" as well.
    if isinstance(value, str) and not (value.isascii() and value.removeprefix("-").isdigit()):
        raise ValueError("it must be a decimal integer")
    return value


def _zero_or_one(value: object) -> object:
    if value not in ("0", "1", 0, 1):
        raise ValueError("it must be 0 (may be run) or 1 (blocked)")
    return int(str(value))


Address = Annotated[str, AfterValidator(_storable), AfterValidator(_address)]
Decimal = Annotated[int, BeforeValidator(_decimal)]
#: Any id that a database could hold; whether it exists is another question.
AnyId = Annotated[Decimal, Field(ge=-(1 << 63), lt=1 << 63)]


class Upload(BaseModel):
    """The fields of a submission beside its file."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[Decimal, Field(ge=1, lt=1 << 63)] | None = None
    email: Address
    inputs: Annotated[str, AfterValidator(_storable)] = ""
    language: Annotated[str, AfterValidator(_storable), AfterValidator(_language)]
    enable: Annotated[Literal[0, 1], BeforeValidator(_zero_or_one)] = 0


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it is kept: `extension` is without its dot, and empty when the name has none."""

    name: str
    extension: str
    data: bytes


class ListQuery(BaseModel):
    """The submissions of an address to list. Unknown parameters are refused, because ignoring them would mislead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: Address
    id: AnyId | None = Field(default=None, description="this one alone")
    limit: Annotated[Decimal, Field(ge=1, le=1000, description="the newest so many")] = 100
    before: AnyId | None = Field(default=None, description="only those with a smaller id: for the next page")


class SubmissionStatus(BaseModel):
    """One submission and its latest execution. `verdict`, `error` and `shortened` are our addition."""

    id: int
    status: str | None = Field(description="null until an execution is asked for")
    job: str | None
    output: str | None
    execute_date: datetime | None
    filelink: str | None
    verdict: str | None
    error: str | None
    shortened: list[str] = Field(description="the texts that are cut; the whole output is where `filelink` leads")


class SubmissionList(BaseModel):
    """The oldest first."""

    result: list[SubmissionStatus]
