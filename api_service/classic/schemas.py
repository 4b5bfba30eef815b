"""The models of classic requests and answers."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from api_service.http.email_address import Address, ignoring_case, storable
from api_service.http.integers import INT64, MAX_ID, decimal
from api_service.submissions.classic_list import SubmissionStatus
from shared.engine_api.languages import ALIASES, check_lang


def language_pattern(codes: Iterable[str] = tuple(ALIASES)) -> str:
    """Return a regular expression (ECMA-262) for all names of the languages, in upper or lower case."""
    names = (name for code in codes for name in ALIASES.get(code, ()))
    return rf"^[ \t\r\n]*(?:{'|'.join(map(ignoring_case, names))})[ \t\r\n]*$"


def _language(text: str, info: ValidationInfo) -> str:
    """Return the name of a language. The context of the validation are the codes of those that are there."""
    if check_lang(text) is None or text.strip() != text.strip(" \t\r\n"):
        raise ValueError(f"it must be one of {', '.join(info.context or ALIASES)}, or one of their usual names")
    return text


def _zero_or_one(value: object) -> object:
    if value not in ("0", "1", 0, 1):
        raise ValueError("it must be 0 (may be run) or 1 (blocked)")
    return int(str(value))


class Upload(BaseModel):
    """The fields of a submission, without its file."""

    model_config = ConfigDict(frozen=True)

    id: (
        Annotated[
            int,
            Field(
                ge=1,
                le=MAX_ID,
                json_schema_extra=INT64,
                description="The number of the submission. The server chooses one if it is left out.",
            ),
            BeforeValidator(decimal),
        ]
        | SkipJsonSchema[None]
    ) = None
    email: Annotated[Address, Field(description="The address that the result is mailed to.")]
    inputs: Annotated[
        str,
        AfterValidator(storable),
        Field(description="The standard input of the program. Any character but NUL is allowed.", examples=["12\n"]),
        WithJsonSchema({"type": "string", "pattern": r"^[^\u0000]*$"}),
    ] = ""
    language: Annotated[
        str,
        AfterValidator(storable),
        AfterValidator(_language),
        WithJsonSchema({"type": "string", "pattern": language_pattern()}),
        Field(description="The name of the language, in upper or lower case.", examples=["py"]),
    ]
    enable: Annotated[Literal[0, 1], BeforeValidator(_zero_or_one), Field(description="0: may be run. 1: blocked.")] = 0


class ExecutionRequested(BaseModel):
    """The answer to a request for an execution."""

    result: Annotated[str, Field(examples=["Sending to job_table.."])]


class ClassicError(BaseModel):
    """The original system's own errors. They are not problem documents."""

    detail: Annotated[str, Field(examples=["Email not found"])]


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
