"""The models of requests and answers, and the checks of what clients send."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from shared.job_state import JobState
from shared.languages import ALIASES, check_lang

#: RFC 5321, section 4.5.3.1.3, without the angle brackets.
_LONGEST_ADDRESS: Final = 254
#: RFC 5321, section 4.5.3.1.1.
_LONGEST_LOCAL_PART: Final = 64
#: The largest id that a database can hold.
_LARGEST_ID: Final = (1 << 63) - 1
_EMAIL: Final = "someone@example.com"


def _storable(text: str) -> str:
    """Return the text if Postgres can store it; raise `ValueError` otherwise."""
    if "\0" in text:
        raise ValueError("it must not contain a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it must not contain lone surrogates (half of a UTF-16 pair)") from None
    return text


def _address(text: str) -> str:
    if len(text) > _LONGEST_ADDRESS:  # checked first, because a long text takes long to parse
        raise ValueError(f"it is not an e-mail address: it has more than {_LONGEST_ADDRESS} characters")
    if len(text.rpartition("@")[0]) > _LONGEST_LOCAL_PART:
        raise ValueError(f"it is not an e-mail address: it has more than {_LONGEST_LOCAL_PART} characters before the @")
    if "<" in text:
        raise ValueError("it is not an e-mail address: send the address alone, without a name and without < and >")
    if " " in text:
        raise ValueError("it contains a space; send one address, and in a query string write %2B for a +")
    try:
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as exc:
        raise ValueError(f"it is not an e-mail address such as {_EMAIL}: {str(exc).rstrip('.')}") from None
    return address.ascii_email or address.normalized


def _ignoring_case(name: str) -> str:
    """Return a regular expression for a name in upper or lower case. ECMA-262 has no flag within an expression."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else c.replace("+", r"\+") for c in name)


def language_pattern(codes: Iterable[str] = tuple(ALIASES)) -> str:
    """Return a regular expression (ECMA-262) for all names of the languages, in upper or lower case."""
    names = (name for code in codes for name in ALIASES.get(code, ()))
    return rf"^[ \t\r\n]*(?:{'|'.join(map(_ignoring_case, names))})[ \t\r\n]*$"


def _language(text: str, info: ValidationInfo) -> str:
    """Return the name of a language. The context of the validation are the codes of those that are there."""
    if check_lang(text) is None or text.strip() != text.strip(" \t\r\n"):
        raise ValueError(f"it must be one of {', '.join(info.context or ALIASES)}, or one of their usual names")
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


_ATOM: Final = r"[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST_LABEL: Final = r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,61})?[A-Za-z]"
#: Domains that no mail reaches: those for special use, and those with a label in the form reserved for punycode.
_NO_DOMAIN: Final = rf"(?:[^@]*\.)?(?:(?:{'|'.join(map(_ignoring_case, SPECIAL_USE_DOMAIN_NAMES))})$|[^.@]{{2}}--)"
#: The addresses that `_address` accepts, except domains that are not in ASCII, or in punycode.
_ADDRESS: Final = (
    rf"^(?=[^@]{{1,{_LONGEST_LOCAL_PART}}}@){_ATOM}(?:\.{_ATOM})*@(?!{_NO_DOMAIN})(?:{_LABEL}\.)+{_LAST_LABEL}$"
)

Address = Annotated[
    str,
    AfterValidator(_storable),
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": _LONGEST_ADDRESS, "pattern": _ADDRESS}),
    Field(examples=[_EMAIL]),
]
_INT64: Final[dict[str, Any]] = {"format": "int64"}
#: Any id that the database can hold, whether or not there is such a row.
AnyId = Annotated[
    int, Field(ge=-_LARGEST_ID - 1, le=_LARGEST_ID, json_schema_extra=_INT64, examples=[5]), BeforeValidator(_decimal)
]


class Upload(BaseModel):
    """The fields of a submission, without its file."""

    model_config = ConfigDict(frozen=True)

    id: (
        Annotated[
            int,
            Field(
                ge=1,
                le=_LARGEST_ID,
                json_schema_extra=_INT64,
                description="The number of the submission. The server chooses one if it is left out.",
            ),
            BeforeValidator(_decimal),
        ]
        | SkipJsonSchema[None]
    ) = None
    email: Annotated[Address, Field(description="The address that the result is mailed to.")]
    inputs: Annotated[
        str,
        AfterValidator(_storable),
        Field(description="The standard input of the program. Any character but NUL is allowed.", examples=["12\n"]),
        WithJsonSchema({"type": "string", "pattern": r"^[^\u0000]*$"}),
    ] = ""
    language: Annotated[
        str,
        AfterValidator(_storable),
        AfterValidator(_language),
        WithJsonSchema({"type": "string", "pattern": language_pattern()}),
        Field(description="The name of the language, in upper or lower case.", examples=["py"]),
    ]
    enable: Annotated[Literal[0, 1], BeforeValidator(_zero_or_one), Field(description="0: may be run. 1: blocked.")] = 0


class ListQuery(BaseModel):
    """The query for a list of submissions. Unknown parameters are refused, because ignoring them would mislead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: Annotated[Address, Field(description="The address of the submissions to list, in upper or lower case.")]
    id: AnyId | SkipJsonSchema[None] = Field(default=None, description="List only this submission.")
    limit: Annotated[
        int, Field(ge=1, le=1000, description="List at most this many, the newest ones."), BeforeValidator(_decimal)
    ] = 1000
    before: AnyId | SkipJsonSchema[None] = Field(
        default=None, description="List only submissions with a smaller id. Use it to get the next page."
    )


class ExecutionRequested(BaseModel):
    """The answer to a request for an execution."""

    result: Annotated[str, Field(examples=["Sending to job_table.."])]


class ClassicError(BaseModel):
    """The original system's own errors. They are not problem documents."""

    detail: Annotated[str, Field(examples=["Email not found"])]


class SubmissionStatus(BaseModel):
    """One submission and its latest execution. The original has no `verdict`, `error`, `delay` and `shortened`."""

    id: Annotated[int, Field(json_schema_extra=_INT64, examples=[5])]
    status: JobState | None = Field(description="Null until an execution is requested.", examples=["executed"])
    job: str | None = Field(
        description="The submission as JSON text: `language`, `inputs` and `contents`.",
        examples=['{"language": "py", "inputs": "12\\n", "contents": "print(input())\\n"}'],
    )
    output: str | None = Field(description="What the program wrote to its standard output.", examples=["12\n"])
    execute_date: datetime | None = Field(description="When the execution ended.", examples=["2026-01-31T12:00:00Z"])
    filelink: str | None = Field(description="A link to the whole output. It expires, so each answer has a new one.")
    verdict: str | None = Field(
        description="How the execution ended, such as `ok`, `compile_error`, `runtime_error` or `time_limit`.",
        examples=["ok"],
    )
    error: str | None = Field(
        description="The compiler's messages or the standard error, or why the job failed.", examples=[""]
    )
    delay: str | None = Field(
        description="Why an execution that is under way is delayed. Null if it is not.",
        examples=["the machine was overloaded while it ran; the program is run again"],
    )
    shortened: list[str] = Field(
        description="The names of the texts that are not whole. `filelink` leads to the whole output; a `job` has no"
        " `contents` if the file is gone.",
        examples=[[]],
    )


class SubmissionList(BaseModel):
    """The submissions, the oldest first."""

    result: list[SubmissionStatus]


class Health(BaseModel):
    """The liveness of the process."""

    status: Literal["ok"]


class ReadinessReport(BaseModel):
    """The readiness of the API."""

    status: Literal["ready", "waiting"]
    database: Literal["ok", "unavailable"]
    store: Literal["ok", "unavailable"]
