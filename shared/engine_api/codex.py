"""The CodeX API on the wire: the runner's request and the engine's answer.

`verdict` and the fields after it are our additions. Other CodeX servers do not send them, so they are optional.
"""

import re
from enum import StrEnum
from typing import Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

#: A header of `POST /` that names the program's share, a text of up to 64 characters. Programs of one share do not hold
#: up those of another. Only our engine reads it.
SHARE_HEADER: Final = "Precieux-Share"
#: The share of programs that are suspected of stopping engines. Each runs alone: nothing else runs at its engine.
ALONE: Final = "alone"
#: A header of `POST /run`: the seconds between two events `alive`. The answer then begins before there is a slot.
ALIVE_HEADER: Final = "Precieux-Alive"
#: A header of every answer of our engine: `slots=2, free=0, waiting=7, places=4, background=3`, and `stopping=1`.
LOAD_HEADER: Final = "Precieux-Slots"


class Verdict(StrEnum):
    """How a program ended. A verdict always means that the engine did its work."""

    OK = "ok"
    COMPILE_ERROR = "compile_error"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    INTERNAL_ERROR = "internal_error"
    # These are only for programs whose output is compared (`shared.engine_api.run_call`).
    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    #: The judge of a test failed, and the program did not.
    JUDGE_ERROR = "judge_error"


#: The verdicts that are stored. After the others, the program is run again.
STORED_VERDICTS: Final = tuple(verdict for verdict in Verdict if verdict is not Verdict.INTERNAL_ERROR)


class RunRequest(BaseModel):
    """Body of `POST /`, as JSON or as form fields."""

    model_config = ConfigDict(frozen=True)

    code: str
    language: str
    # The original documents `input`, but a client of it sent `inputs`. Both mean the same text.
    input: str = Field(default="", validation_alias=AliasChoices("input", "inputs"))
    filename: str | None = Field(default=None, description="the name of the source file, for messages")
    time_limit: float | None = Field(default=None, gt=0, description="CPU seconds")
    wall_limit: float | None = Field(default=None, gt=0, description="elapsed seconds")
    memory_limit: int | None = Field(default=None, gt=0, description="bytes, of the whole process tree")


class RunResponse(BaseModel):
    """The answer to `POST /`: the program ran (200), was refused (400) or reached the time limit (408)."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    time_stamp: int = Field(alias="timeStamp", description="milliseconds since the epoch")
    status: int = Field(description="equals the HTTP status")
    output: str = ""
    error: str = ""
    language: str = ""
    info: str = Field(default="", description="the compiler's or interpreter's version text")
    compile: str | None = Field(default=None, description="the command that compiled it, for a shell")
    run: str | None = Field(default=None, description="the command that ran it, for a shell")
    verdict: Verdict | None = None
    exit_code: int | None = None
    signal: int | None = None
    time_s: float | None = Field(default=None, description="CPU seconds of the process tree")
    wall_s: float | None = Field(default=None, description="elapsed seconds")
    memory_bytes: int | None = Field(default=None, description="peak memory of the process tree")
    truncated: bool | None = None
    cpu_pressure: float | None = Field(
        default=None,
        description="after a wall_limit: the share of the time in which something on the machine waited for a CPU",
    )


def version_in(info: str) -> str | None:
    """Return the number in a compiler's or interpreter's version text, such as 3.11.9; None without a number."""
    match = re.search(r"[0-9]+(?:\.[0-9]+)+", info)
    return match[0] if match else None


class LimitBounds(BaseModel):
    """The limit of a program that asks for none, and the highest that it may ask for.

    What it asks for is multiplied by the factor, up to the highest. The default is so already.
    """

    default: int | float
    max: int | float
    factor: float = 1


class LanguageVariant(BaseModel):
    """A language's other toolchain or standard, which has a code of its own."""

    code: str
    name: str
    version: str | None = None


class LanguageLibrary(BaseModel):
    """A package that programs may import."""

    name: str
    version: str


class LanguageFramework(BaseModel):
    """A framework of unit tests (`shared.engine_api.unit_tests`)."""

    framework: str
    version: str


class SupportedLanguage(BaseModel):
    """One row of `GET /list`. All fields but `language` and `info` are our additions."""

    language: str
    info: str
    name: str | None = None
    version: str | None = None
    aliases: list[str] | None = None
    compile: str | None = Field(default=None, description="the command that compiles a program, for a shell")
    run: str | None = Field(default=None, description="the command that runs it, for a shell")
    extensions: list[str] | None = Field(
        default=None, description="of its source files, with a dot, the usual one first"
    )
    compiled: bool | None = None
    compiler_args: list[str] | None = Field(
        default=None, description="options that a program may set; a `*` at the end stands for any ending"
    )
    sample: str | None = Field(default=None, description="a whole program, which ends well")
    fault: str | None = Field(default=None, description="why a program that proves the language failed; None: it works")
    source: str | None = Field(default=None, description="where its tools come from; `system`: the machine's own")
    released: int | None = Field(default=None, description="the year in which this version was released")
    limits: dict[str, LimitBounds] | None = Field(
        default=None, description="of cpu_s, wall_s, memory_bytes, output_bytes and processes"
    )
    variants: list[LanguageVariant] | None = None
    libraries: list[LanguageLibrary] | None = Field(
        default=None, description="that the operator has installed for programs"
    )
    unit_tests: list[LanguageFramework] = Field(
        default=[], description="frameworks of unit tests, the usual one first; empty: there are none"
    )


class LanguageList(BaseModel):
    """The answer to `GET /list`."""

    model_config = ConfigDict(populate_by_name=True)

    time_stamp: int = Field(alias="timeStamp")
    status: int = 200
    supported_languages: list[SupportedLanguage] = Field(alias="supportedLanguages")
    instance: str = Field(default="", description="a name of the engine's process, which changes when it starts again")
    calls: list[str] = Field(default=[], description="what goes beyond CodeX: `run` (`shared.engine_api.run_call`)")
