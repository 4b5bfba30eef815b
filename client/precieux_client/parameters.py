"""The parameters of programs and submissions."""

from collections.abc import Iterable, Mapping
from typing import Literal, Required, TypeAlias, TypedDict

from precieux_client.models import Checker, Interactor, Limits, ProblemLimits, ProgramChecker, TestCase, UnitTests

#: The files of a program: their content by path.
Files: TypeAlias = Mapping[str, str | bytes]
#: `en`, `fa`, or another language of the server.
Locale: TypeAlias = str


class ProgramParameters(TypedDict, total=False):
    """The parameters of a program: `language`, either `source` or `files`, and any others.

    Those that are left out have the server's default. `files` has each file's content by its path; `read_folder` makes
    it of a folder. `entry` is the file that is run.
    """

    language: Required[str]
    source: str | None
    files: Files | None
    entry: str | None
    stdin: str | None
    args: Iterable[str]
    compiler_args: Iterable[str]
    limits: Limits | None
    expected_output: str | None
    checker: Checker | ProgramChecker | None
    interactor: Interactor | None
    tests: Iterable[TestCase]
    unit_tests: UnitTests | None
    stop_at_first_failure: bool
    stop_after_time_limits: int | None


class SubmissionParameters(ProgramParameters, total=False):
    """The parameters of a submission. `problem` is the one that it is submitted to, `sum` or `sum@3`."""

    problem: str | None
    email: str | None
    locale: Locale | None
    receipt: bool
    webhook_url: str | None
    hold: bool
    live_output: bool
    metadata: Mapping[str, str] | None


class ProblemSettings(TypedDict, total=False):
    """The settings of a problem. A missing setting stays as it is, and None takes a setting back."""

    title: str | None
    visibility: Literal["private", "shared"] | None
    limits: ProblemLimits | None
    language_limits: Mapping[str, ProblemLimits] | None
