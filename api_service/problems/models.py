"""The resources of problems, as answers show them."""

from typing import Literal

from pydantic import Field

from shared.engine_api.unit_tests import UnitTestFramework
from shared.judging.grading.scheme import Policy
from shared.judging.packages.model import PackageFormat, ProblemType
from shared.records.resources.models import AnyChecker, Bytes, Judge, Resource, Time


class LimitsOfProblem(Resource):
    """The limits of a program, whatever its language. `source_bytes` is for all of its files."""

    cpu_s: float
    wall_s: float
    memory_bytes: Bytes
    output_bytes: Bytes
    source_bytes: Bytes


class LimitsOfLanguage(Resource):
    """The limits that programs in a language have of their own. Null: that of the problem."""

    cpu_s: float | None = None
    wall_s: float | None = None
    memory_bytes: Bytes | None = None
    output_bytes: Bytes | None = None


class LimitsOfJudge(Resource):
    """The limits of the programs that judge."""

    cpu_s: float
    memory_bytes: Bytes
    output_bytes: Bytes


class TestCounts(Resource):
    """How many tests may be shown, and how many may not."""

    sample: int
    secret: int


class TestGroup(Resource):
    """A group of tests. `points` are the most, `tests` counts those of its descendants too."""

    name: str = Field(examples=["secret/group1"])
    parent: str | None
    policy: Policy
    points: float | None
    requires: list[str]
    tests: int


class SampleTest(Resource):
    """A sample. `input` and `answer` are null if the program talks with a judge, `interaction` if it does not."""

    name: str = Field(examples=["sample/1"])
    input: str | None
    answer: str | None
    interaction: str | None
    truncated: list[str] = Field(description="The names of the texts that are cut.")


class Attachment(Resource):
    """A file for those who solve the problem."""

    name: str
    size_bytes: Bytes


class PackageWarning(Resource):
    """Something strange in a package that does not hinder."""

    path: str
    detail: str


class ProblemLinks(Resource):
    """The addresses of a problem."""

    self: str
    package: str
    check: str
    submissions: str


class StoredProblem(Resource):
    """A version of a problem. What only its owner may see is null for other keys."""

    name: str = Field(examples=["sum"])
    version: int = Field(ge=1)
    versions: int = Field(description="How many there are.")
    title: str
    titles: dict[str, str] = Field(description="By language.", examples=[{"en": "Sum"}])
    format: PackageFormat
    type: list[ProblemType]
    visibility: Literal["private", "shared"]
    languages: list[str] | None = Field(description="The codes of the languages that it allows; null for all.")
    limits: LimitsOfProblem
    time_limit_from: Literal["package", "settings", "check", "default"]
    language_limits: dict[str, LimitsOfLanguage]
    judge_limits: LimitsOfJudge
    checker: AnyChecker | None = Field(description="Null also with an interactor that gives the verdict.")
    interactor: Judge | None
    unit_tests: dict[str, UnitTestFramework] | None = Field(
        description="What runs its unit tests in each language; null without them. They are listed when a program runs."
    )
    tests: TestCounts
    groups: list[TestGroup] = Field(description="In the order in which they are judged, parents before children.")
    points: float | None = Field(description="The most; null without a bound.")
    samples: list[SampleTest] | None = Field(description="Null in a list.")
    attachments: list[Attachment]
    digest: str | None = Field(description="The SHA-256 of the package.")
    size_bytes: Bytes | None = Field(description="Of its files, unpacked.")
    warnings: list[PackageWarning] | None = Field(description="Null in a list, too.")
    created_at: Time
    links: ProblemLinks


class VersionOfProblem(Resource):
    """A version of a problem, in the list of them."""

    version: int
    digest: str
    size_bytes: Bytes
    tests: TestCounts
    created_at: Time
