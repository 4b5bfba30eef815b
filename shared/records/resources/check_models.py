"""The models of the checks of problems."""

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field

from shared.engine_api.codex import Verdict
from shared.records.resources.models import Id, MailStatus, Resource, Time


class CheckState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"


class CheckVerdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"


class CheckResult(StrEnum):
    """`not_run`: its language is not here, or the package does not say what it must get."""

    AS_EXPECTED = "as_expected"
    UNEXPECTED = "unexpected"
    NOT_RUN = "not_run"


class DataFault(Resource):
    """A fault that the validators have found in a file of a package."""

    path: str = Field(examples=["data/secret/03.in"])
    detail: str


class CheckedTimeLimit(Resource):
    """The time limit of a check, and what bounds it. The other two are seconds of the CPU in one test."""

    model_config = ConfigDict(serialize_by_alias=True)

    cpu_s: float
    source: Literal["package", "settings", "check"] = Field(alias="from", description="Where it comes from.")
    slowest_accepted_s: float | None = Field(description="Of the submissions that it must not stop.")
    fastest_too_slow_s: float | None = Field(description="Of those that it must stop; the least that is known of them.")


class CheckedSubmission(Resource):
    """A submission of the jury in a check. `result` is null until the check has finished."""

    path: str = Field(examples=["submissions/accepted/sum.py"])
    language: str | None = Field(examples=["py"])
    expected: list[str] = Field(description="The letters of verdicts that it may get.", examples=[["AC"]])
    submission: Id | None = Field(description="Null if it is not run.")
    verdict: Verdict | None = None
    verdicts: dict[Verdict, int] = Field(default_factory=dict, description="The number of tests that got each.")
    points_awarded: float | None = None
    slowest_s: float | None = Field(default=None, description="CPU seconds of its slowest test.")
    result: CheckResult | None = None
    detail: str | None = Field(default=None, description="What it did not get, or why it is not run.")


class ProblemCheck(Resource):
    """A check of a package: of its data, of the jury's submissions and of its time limit."""

    id: Id
    problem: str = Field(examples=["sum@3"])
    state: CheckState
    verdict: CheckVerdict | None
    batch: Id = Field(description="It has the submissions of the jury.")
    time_limit: CheckedTimeLimit | None = Field(description="Null until it is known, and if none can be derived.")
    data: list[DataFault]
    submissions: list[CheckedSubmission]
    mail: MailStatus | None = Field(description="Of the report.")
    created_at: Time
    finished_at: Time | None
