"""Checks the body of a submission in API v1: each key by its model, and the rules that no model can express.

The rules are about keys together, and about what the operator and the engine allow. They are checked for the keys
without a fault, so that all faults are found at once. `api_service.v1.body.submission` has the models.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Final

from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.http.source_text import is_text
from api_service.requests.validation import first_of_each_place
from api_service.submissions.new_submission import NewSubmission, as_json, stored, text_bytes_of
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.defaults import BodyPath, Defaults
from api_service.v1.body.judges import CheckedJudge, check_judge, comparison_of, key_faults, programs_of
from api_service.v1.body.program import ProgramCheck, UploadedFiles, limit_faults, limits_of
from api_service.v1.body.submission import LimitsBody, SubmissionBody, TestBody, TransientRunBody
from api_service.v1.body.unit_tests import check_unit_tests, default_limits, framework_faults, unit_test_faults
from shared.engine_api.codex import LimitBounds
from shared.engine_api.program import JudgeSpec, LimitsSpec, Program, TestSpec, UnitTestsSpec, file_specs
from shared.records.problems.submitting import limits_for, problem_bounds, unit_tests_for
from shared.records.problems.versions import ProblemVersion

#: The fields that a submission with `tests` must not have.
_ONE_TEST: Final = ("stdin", "args", "expected_output")
#: The fields that a submission to a problem must not have.
_OF_PROBLEM: Final = (
    *(*_ONE_TEST, "tests", "checker", "interactor", "limits"),
    *("stop_at_first_failure", "stop_after_time_limits"),
)
#: The fields that a run which is not stored must not have.
_ONLY_STORED: Final = tuple(name for name in SubmissionBody.model_fields if name not in TransientRunBody.model_fields)
#: The fields that a foreign engine does not support, because it has only the CodeX call.
_ONLY_RUN: Final = ("args", "compiler_args", "limits", "expected_output", "tests", "problem")

#: Why a foreign engine cannot run it.
NEEDS_RUN: Final = (
    "This needs the engine of Precieux (`POST /run`), but this server uses another CodeX engine; leave it out."
)
_NO_PROBLEM: Final = "There is no such problem or version for this key; `GET /v1/problems` lists those that there are."
_NOT_STORED: Final = (
    "It goes only with a submission, and this run is not stored; leave it out, or post to `/v1/submissions`."
)
_NOT_HELD: Final = "A submission of a batch cannot be held; leave it out."
_NOT_REPORTED: Final = "The engine has not reported its limits and compiler options yet; try again in a few seconds."


def validate_submission(
    content: object, constraints: Constraints, place: BodyPath | None = None, upload: UploadedFiles | None = None
) -> NewSubmission:
    """Return the submission of a body as it is stored. Raises `ApiError` as `check_submission`."""
    return check_submission(content, constraints, place, upload).stored()


def check_submission(
    content: object,
    constraints: Constraints,
    place: BodyPath | None = None,
    upload: UploadedFiles | None = None,
    others: Sequence[Fault] = (),
) -> "SubmissionCheck":
    """Return the submission of a body.

    Raises `ApiError`: 422 with all its faults and these `others`, or 503 if it cannot be checked yet.

    With `place`, the content is a submission of a batch, and keys that it lacks come from `place.defaults`. `upload`
    has the files that came beside the content.
    """
    place = place or BodyPath()
    if not isinstance(content, dict):
        raise invalid([Fault("It must be an object.", pointer=place.path)])
    result = place.defaults.complete(content)
    faults = result.faults
    if result.value is not None:
        check = SubmissionCheck(result.value, result.left_out, constraints, upload, place.defaults)
        faults = first_of_each_place([*faults, *check.faults()])
    if faults or others or result.value is None:
        raise invalid(first_of_each_place([*others, *(place.fault(content, fault) for fault in faults)]))
    check.require_known()
    return check


class SubmissionCheck:
    """A body, and its rules. What takes long is done `once` for values that come from the defaults of a batch."""

    def __init__(
        self,
        body: SubmissionBody,
        left_out: frozenset[str],
        constraints: Constraints,
        upload: UploadedFiles | None,
        defaults: Defaults,
    ) -> None:
        self.body = body
        self.left_out = left_out
        self.constraints = constraints
        self.once = defaults.once
        self.problem = constraints.problems.get(body.problem) if body.problem is not None else None
        max_bytes = constraints.settings.max_source_bytes
        if self.problem:
            max_bytes = min(max_bytes, self.problem.summary["limits"]["source_bytes"])
        self.program = ProgramCheck(body, left_out, constraints, defaults, max_bytes=max_bytes, upload=upload)
        self.engine_language = self.program.engine_language
        self.judges: dict[str, CheckedJudge] = {}

    def faults(self) -> Iterator[Fault]:
        program = self.program
        checks = (
            *(program.language_faults, program.source_faults, self._inputs, program.option_faults, self._limits),
            *(self._judges, self._problem, self._addresses, self._stored, self._foreign_engine),
        )
        return (fault for check in checks for fault in check())

    def _inputs(self) -> Iterator[Fault]:
        body = self.body
        if self.program.has("tests"):
            for name in _ONE_TEST:
                if getattr(body, name) is not None:
                    yield Fault("It does not go with `tests`; put it into a test.", pointer=f"/{name}")
        elif body.stdin is not None:
            yield from input_faults(body.stdin, self.constraints.settings.max_input_bytes)
        yield from self.once(body.tests, "inputs", lambda: list(self._inputs_of_tests(body.tests or ())))
        if body.hold is not None and not self.constraints.may_hold:
            yield Fault(_NOT_HELD, pointer="/hold")

    def _inputs_of_tests(self, tests: Sequence[TestBody]) -> Iterator[Fault]:
        for number, test in enumerate(tests):
            yield from input_faults(test.stdin or "", self.constraints.settings.max_input_bytes, f"/tests/{number}")

    def _limits(self) -> Iterator[Fault]:
        tests, bounds = self.body.tests or (), self.constraints.bounds_of(self.engine_language)
        yield from limit_faults(self.body.limits, bounds)
        code = self.engine_language.code if self.engine_language else ""
        yield from self.once(self.body.tests, code, lambda: list(_limit_faults_of_tests(tests, bounds)))

    def _judges(self) -> Iterator[Fault]:
        yield from key_faults(self.body, self.left_out)
        for name, program in programs_of(self.body).items():
            check = partial(check_judge, name, program, self.left_out, self.constraints)
            judge, faults = self.once(getattr(self.body, name), "judge", check)
            yield from faults
            if judge is not None:
                self.judges[name] = judge
        yield from self._unit_tests()

    def _unit_tests(self) -> Iterator[Fault]:
        body, language = self.body.unit_tests, self.engine_language
        if self.program.has("unit_tests"):
            yield from unit_test_faults(self.body, self.program)
        if body is not None and language is not None:
            check = partial(check_unit_tests, body, self.left_out, self.constraints, language)
            judge, faults = self.once(body, f"judge in {language.code}", check)
            yield from faults
            if judge is not None:
                self.judges["unit_tests"] = judge

    def _problem(self) -> Iterator[Fault]:
        if not self.program.has("problem"):
            return
        for name in _OF_PROBLEM:
            if getattr(self.body, name) is not None:
                yield Fault("It does not go with `problem`, which has its own; leave it out.", pointer=f"/{name}")
        if self.problem is None:
            yield Fault(_NO_PROBLEM, pointer="/problem")
            return
        allowed = self.problem.summary["languages"]
        if self.engine_language and allowed is not None and not {*self.engine_language.codes} & {*allowed}:
            named = ", ".join(allowed) or "none of those that are here"
            yield Fault(f"The problem does not allow this language. Allowed: {named}.", pointer="/language")
        elif self.engine_language and (tests := unit_tests_for(self.problem.unit_tests, self.engine_language.codes)):
            yield from framework_faults(tests.framework, self.engine_language, "/language")

    def _addresses(self) -> Iterator[Fault]:
        body = self.body
        yield from self.constraints.addresses.faults(body.email, body.webhook_url)
        if body.receipt and not self.program.has("email"):
            yield Fault("A receipt needs `email`; send an address, or leave it out.", pointer="/receipt")

    def _stored(self) -> Iterator[Fault]:
        if not self.constraints.may_store:
            for name in _ONLY_STORED:
                if getattr(self.body, name) is not None:
                    yield Fault(_NOT_STORED, pointer=f"/{name}")

    def _foreign_engine(self) -> Iterator[Fault]:
        if self.engine_language is None or not self.engine_language.is_foreign:
            return
        for name in _ONLY_RUN:
            value = getattr(self.body, name)
            if value.asked() if isinstance(value, LimitsBody) else value not in (None, []):
                yield Fault(NEEDS_RUN, pointer=f"/{name}")
        yield from (Fault(NEEDS_RUN, pointer=f"/{name}") for name in self.judges)
        files = self.program.files
        if len(files) > 1:
            yield Fault(NEEDS_RUN, pointer="/files")
        elif not all(map(is_text, files.values())):
            yield Fault(NEEDS_RUN, pointer="/files/0/content")

    def require_known(self) -> None:
        """Raise `ApiError` (503) if the body asks for what cannot be checked yet: options or limits."""
        if self.engine_language and self.engine_language.details:
            return
        programs: tuple[Program | JudgeSpec, ...] = (self.spec(), *(judge.spec for judge in self.judges.values()))
        asks = any(program.compiler_args or program.limits.asked() for program in programs)
        if asks or self.once(self.body.tests, "limits", lambda: any(test.limits.asked() for test in self.tests)):
            raise ApiError(Kind.UNAVAILABLE, _NOT_REPORTED)

    def spec(self, judges: Mapping[str, JudgeSpec] | None = None, *, live_output: bool = False) -> Program:
        """Return the options of a body without a fault. `judges` are those of its judges that are stored."""
        body, problem = self.body, self.problem
        judges = judges or {name: judge.spec for name, judge in self.judges.items()}
        unit_tests = judges.get("unit_tests")
        if problem and self.engine_language:
            unit_tests = unit_tests_for(problem.unit_tests, self.engine_language.codes)
        return Program(
            args=tuple(body.args or ()),
            compiler_args=tuple(body.compiler_args or ()),
            limits=self._limits_for(problem) if problem else self._own_limits(),
            checker=judges.get("checker") or (None if problem or unit_tests else comparison_of(body.checker)),
            interactor=judges.get("interactor"),
            unit_tests=unit_tests if isinstance(unit_tests, UnitTestsSpec) else None,
            stop_at_first_failure=bool(body.stop_at_first_failure),
            stop_after_time_limits=body.stop_after_time_limits,
            locale=body.locale or self.constraints.locale,
            receipt=bool(body.receipt),
            artifacts=True,
            live_output=live_output or bool(body.live_output),
            problem=problem.reference if problem else None,
            points=problem.summary["points"] if problem else None,
        )

    def _own_limits(self) -> LimitsSpec:
        limits, bounds = limits_of(self.body.limits), self.constraints.bounds_of(self.engine_language)
        return default_limits(limits, bounds) if "unit_tests" in self.judges else limits

    def _limits_for(self, problem: ProblemVersion) -> LimitsSpec:
        language, settings = self.engine_language, self.constraints.settings
        if not language or not language.limits:
            raise ApiError(Kind.UNAVAILABLE, _NOT_REPORTED)
        bounds = problem_bounds(language.limits, settings.max_judged_output_bytes)
        return LimitsSpec.model_validate(limits_for(problem, language.codes, bounds, settings.time_factors))

    @cached_property
    def tests(self) -> list[TestSpec]:
        return [_test(number, test) for number, test in enumerate(self.body.tests or (), 1)]

    def stored(self) -> NewSubmission:
        """Return a submission without a fault as it is stored."""
        body = self.body
        assert self.engine_language
        tests, bytes_of_tests = self.once(body.tests, "stored", self._stored_tests)
        judges = {
            name: self.once(getattr(body, name), f"stored in {judge.spec.language}", judge.stored)
            for name, judge in self.judges.items()
        }
        metadata = body.metadata or {}
        texts: list[object] = [body.expected_output, body.args, body.compiler_args, metadata]
        texts += [judge.spec.args for judge in self.judges.values()]
        judge_bytes = sum(len(data) for judge in self.judges.values() for data in judge.files.values())
        return NewSubmission(
            language=self.engine_language.code,
            filename=self.program.entry,
            source=self.once(body.files, "stored", lambda: stored(self.program.files)),
            judges={name: archive for name, (_, archive) in judges.items()},
            stdin=body.stdin or "",
            email=body.email,
            hold=bool(body.hold),
            spec=self.spec({name: spec for name, (spec, _) in judges.items()}),
            files=file_specs(self.program.files),
            expected_output=body.expected_output,
            tests=tests,
            metadata=metadata,
            webhook_url=body.webhook_url,
            problem_version=self.problem.id if self.problem else None,
            text_bytes=text_bytes_of(texts) + bytes_of_tests + judge_bytes,
        )

    def _stored_tests(self) -> tuple[str | None, int]:
        tests = [test.stored() for test in self.tests]
        return as_json(tests) if tests else None, text_bytes_of(tests)


def input_faults(text: str, max_bytes: int, place: str = "") -> Iterator[Fault]:
    """Yield the fault of an input of more than `max_bytes` bytes. `place` points to what it is the `stdin` of."""
    if len(text) > max_bytes or len(text.encode()) > max_bytes:
        yield Fault(f"It has more than {max_bytes} bytes; send a shorter input.", pointer=f"{place}/stdin")


def _limit_faults_of_tests(tests: Sequence[TestBody], bounds: Mapping[str, LimitBounds]) -> Iterator[Fault]:
    for number, test in enumerate(tests):
        yield from limit_faults(test.limits, bounds, f"/tests/{number}")


def _test(number: int, test: TestBody) -> TestSpec:
    return TestSpec(
        name=str(number) if test.name is None else test.name,
        stdin=test.stdin or "",
        args=tuple(test.args or ()),
        expected_output=test.expected_output,
        limits=limits_of(test.limits),
        hidden=bool(test.hidden),
        points=1.0 if test.points is None else test.points,
    )
