"""The model of a submission's body in API v1. `api_service.v1.body.rules` has the rules that no model can express."""

import base64
import binascii
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from api_service.http.email_address import Address
from api_service.requests.fields import Locale, MetadataName, Seconds, Text, Whole
from api_service.requests.validation import Strict
from shared.common.text import source_paths
from shared.engine_api.run_call.limits import MAX_ARGS, MAX_ARGS_BYTES, MAX_FILES, MAX_TESTS

MAX_METADATA: Final = 16


def _path(path: str) -> str:
    if fault := source_paths.fault_of(path):
        raise ValueError(fault)
    return path


def _metadata(content: object) -> object:
    if isinstance(content, dict) and len(content) > MAX_METADATA:
        raise ValueError(f"it must have at most {MAX_METADATA} keys")
    return content


def _args(args: list[str]) -> list[str]:
    if sum(len(word.encode(errors="replace")) for word in args) > MAX_ARGS_BYTES:
        raise ValueError(f"they have more than {MAX_ARGS_BYTES} bytes; send fewer")
    return args


Path = Annotated[str, AfterValidator(_path), Field(min_length=1, max_length=source_paths.MAX_PATH)]
Args = Annotated[list[Text], Field(max_length=MAX_ARGS), AfterValidator(_args)]
Metadata = Annotated[
    dict[MetadataName, Annotated[Text, Field(max_length=500)]],
    Field(max_length=MAX_METADATA),
    BeforeValidator(_metadata),  # before the entries, because each may be a fault
]


class FileBody(Strict):
    """A source file."""

    path: Path = Field(description="Relative to the program's folder, with `/` between folders.", examples=["main.py"])
    content: Text = Field(repr=False, description="Its text, or its bytes in base64.", examples=["print(input())\n"])
    encoding: Literal["utf-8", "base64"] | None = Field(
        default=None, description="Of `content`; `utf-8` if it is null."
    )

    def data(self) -> bytes:
        """Return the file's bytes. Raises `ValueError` if they are not base64."""
        if self.encoding != "base64":
            return self.content.encode()
        try:
            return base64.b64decode(self.content, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("It is not base64; encode it, or leave `encoding` out.") from None


_Files = Annotated[list[FileBody], Field(min_length=1, max_length=MAX_FILES)]


class LimitsBody(Strict):
    """The limits of the program. `GET /v1/limits` has the operator's bounds, and the defaults of null limits."""

    cpu_s: Seconds | None = Field(default=None, description="CPU seconds.")
    wall_s: Seconds | None = Field(default=None, description="Elapsed seconds.")
    memory_bytes: Whole | None = Field(default=None, description="Of all its processes.")
    output_bytes: Whole | None = Field(default=None, description="Of its standard output, and of its standard error.")
    processes: Whole | None = Field(default=None, description="Processes and threads at once.")

    def asked(self) -> dict[str, int | float]:
        return self.model_dump(exclude_none=True)


class _JudgeKeys(Strict):
    """The keys of a program that judges, without its language."""

    protocol: Literal["kattis", "testlib"] | None = Field(
        default=None, description="How it is called, and what its exit code means; `kattis` if it is null."
    )
    source: Text | None = Field(default=None, repr=False, description="Send either this or `files`.")
    files: _Files | None = Field(default=None, description="Its files.")
    entry: Path | None = Field(default=None, description="As for the program.")
    compiler_args: Args | None = Field(default=None, description="As for the program.")
    args: Args | None = Field(default=None, description="After those of the protocol; with `icpc` its options.")
    limits: LimitsBody | None = Field(
        default=None,
        description="Null: all of the memory, 8 MiB of output, and else the defaults of its language.",
    )


class JudgeBody(_JudgeKeys):
    """A program that judges another."""

    language: Text = Field(description="As for the program.", examples=["cpp"])


class CheckerBody(_JudgeKeys):
    """How the output is compared with the expected one, or the program that judges it."""

    kind: Literal["exact", "lines", "tokens", "float", "icpc", "program"] | None = Field(
        default=None,
        description="exact: byte for byte. lines: without white space at the ends of lines, and blank lines at the end."
        " tokens: by words. float: by words, and numbers may differ by the tolerance. icpc: as the default validator of"
        " problem packages. program: a program judges it, which the other keys describe. `lines` if it is null.",
    )
    tolerance: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = Field(
        default=None, description="Only with `float`, where null means 1e-6."
    )
    language: Text | None = Field(default=None, description="Of a program, which must have one.", examples=["cpp"])


class TestBody(Strict):
    """One run of the program."""

    __test__ = False  # pytest would take it for a test

    name: Annotated[Text, Field(max_length=100)] | None = Field(default=None, description="Its number if it is null.")
    stdin: Text | None = Field(default=None, repr=False, description="The program's standard input.")
    args: Args | None = Field(default=None, description="The program's arguments.")
    expected_output: Text | None = Field(default=None, repr=False, description="Null: the output is not compared.")
    limits: LimitsBody | None = Field(default=None, description="They take the place of the submission's own.")
    hidden: bool | None = Field(default=None, description="Its input and output are shown only to API keys.")
    points: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] | None = Field(
        default=None, description="What it earns with a good verdict; 1 if it is null."
    )


class UnitTestsBody(Strict):
    """Tests that call the program. They run in a sandbox of their own, and the program cannot forge their results."""

    source: Text | None = Field(default=None, repr=False, description="The tests. Send either this or `files`.")
    files: _Files | None = Field(default=None, description="Test files, and whatever they need.")
    framework: Literal["pytest", "unittest", "junit", "node"] | None = Field(
        default=None, description="Null: `pytest` in Python, `junit` in Java, `node` in JavaScript."
    )
    module: Annotated[Text, Field(max_length=100)] | None = Field(
        default=None, description="The name by which the tests import the program, if they import others too."
    )
    shared_files: Annotated[list[FileBody], Field(max_length=MAX_FILES)] | None = Field(
        default=None, description="They lie over the program's own files."
    )
    visibility: Literal["visible", "hidden"] | None = Field(
        default=None, description="Of tests that say nothing themselves; `visible` if it is null."
    )
    limits: LimitsBody | None = Field(
        default=None, description="Of the tests' own sandbox, for each test. Null: those of a judge, with 10 `cpu_s`."
    )
    total_cpu_s: Seconds | None = Field(
        default=None, description="CPU seconds of the program in all tests. Null: ten times those of one test."
    )


class TransientRunBody(Strict):
    """A program. Null is the default of every key that may be left out."""

    language: Text = Field(description="A code, name or alias of `GET /v1/languages`, in any case.", examples=["py"])
    source: Text | None = Field(
        default=None, repr=False, description="The program. Send either this or `files`.", examples=["print(input())\n"]
    )
    files: _Files | None = Field(
        default=None, description="The program and the files that it reads. Send either this or `source`."
    )
    entry: Path | None = Field(
        default=None, description="The path that is run, or compiled with the other files; the first one if it is null."
    )
    stdin: Text | None = Field(default=None, repr=False, description="The program's standard input.", examples=["12\n"])
    args: Args | None = Field(default=None, description=f"{MAX_ARGS_BYTES} bytes at most.")
    compiler_args: Args | None = Field(default=None, description="Of those that `GET /v1/languages` allows.")
    limits: LimitsBody | None = None
    expected_output: Text | None = Field(
        default=None, repr=False, description="Null: the output is not compared. Empty: nothing may be printed."
    )
    checker: CheckerBody | None = Field(default=None, description="How outputs are compared with expected ones.")
    interactor: JudgeBody | None = Field(
        default=None, description="A program that talks with this one while it runs, and judges it."
    )
    tests: Annotated[list[TestBody], Field(min_length=1, max_length=MAX_TESTS)] | None = Field(
        default=None,
        description="Runs after one compilation, some of them at once. They exclude `stdin`, `args` and"
        " `expected_output`.",
    )
    unit_tests: UnitTestsBody | None = Field(
        default=None,
        description="Unit tests in place of `tests`. They exclude inputs, outputs and judges. `limits` are then those"
        " of each test, and null `cpu_s` are 2.",
    )
    stop_at_first_failure: bool | None = Field(default=None, description="The tests after a bad verdict are not run.")
    stop_after_time_limits: Annotated[int, Field(ge=1, le=MAX_TESTS)] | None = Field(
        default=None, description="After so many tests with `time_limit`, the others are not run."
    )


class SubmissionBody(TransientRunBody):
    """A program, and what is done with it. Null is the default of every key that may be left out."""

    problem: Text | None = Field(
        default=None,
        description="The problem that it is submitted to, `sum` or `sum@3`. It brings the tests, the judges and the"
        " limits.",
        examples=["sum"],
    )
    email: Address | None = Field(default=None, description="The address that the result is mailed to.")
    locale: Locale | None = Field(
        default=None, description="Of the mail and the recipient's page. Null: that of `Accept-Language`, or `en`."
    )
    receipt: bool | None = Field(
        default=None, description="One more mail, when the first run is requested; it needs `email`."
    )
    webhook_url: Text | None = Field(default=None, description="Where the events of the submission are posted.")
    hold: bool | None = Field(default=None, description="Register it without a run.")
    live_output: bool | None = Field(
        default=None,
        description="Its event stream also has what the program writes while it runs; not with tests.",
    )
    metadata: Metadata | None = Field(
        default=None, description="It comes back as it is, and lists can be filtered by it."
    )
