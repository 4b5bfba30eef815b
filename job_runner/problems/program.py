"""Runs of submissions to problems: what the engine is asked of them, and what its events mean. Pure.

`shared.judging.grading` says which tests are run, and folds their results.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from job_runner.verdict.outcome import Details, Outcome
from job_runner.verdict.program_answer import ProgramAnswer, failed_test, mixed_up
from shared.common.text.control_characters import replace_controls
from shared.engine_api.job_program import Case, JobProgram, elapsed
from shared.engine_api.program import ComparisonSpec, JudgeSpec, LimitsSpec, Program, file_of
from shared.engine_api.run_call.events import GOOD_VERDICTS, Compiled, JudgeFailed, Started, TestEnded
from shared.engine_api.run_call.limits import MAX_PASSES, MAX_TESTS
from shared.engine_api.run_call.request import CheckerKind
from shared.judging.grading.award import TestScore
from shared.judging.grading.fold import Grading, RunResult
from shared.judging.grading.fold_legacy import GraderCall
from shared.judging.packages.model import EVERY_LANGUAGE, Package, PackageJudge, PackageProgram, ProblemType
from shared.judging.packages.programs import main_file
from shared.records.resources.texts import cut

#: Bytes of inputs and answers that one request names, and of files in it, but for those of its first run.
_DATA_BYTES: Final = 64 << 20
_FILES_BYTES: Final = 4 << 20
#: What starts the program of a folder of scripts: `run` may be a binary, and need not exist before `build` has run.
_STARTER: Final = "start-run.sh"
_START: Final = b'[ -x run ] || chmod u+x run\nexec ./run "$@"\n'
#: Bytes of a judge's message.
_MESSAGE_BYTES: Final = 65536


class ProblemProgram:
    """A program that is submitted to a problem: writes the engine's requests for it.

    The caller reads the files of the package: `contents` are their bytes, by their paths in it.
    """

    def __init__(self, program: JobProgram, package: Package, title: str = "") -> None:
        self.package = package
        self.title = title
        self.tests = {test.number: test for test in package.tests}
        limits = package.limits
        self._judge_limits = LimitsSpec.model_validate(limits.of_judges)
        checker, interactor = (self._spec(judge) for judge in (package.checker, package.interactor))
        options = Program(
            compiler_args=program.options.compiler_args,
            limits=program.options.limits,
            checker=checker or (None if interactor else ComparisonSpec(kind=CheckerKind.ICPC)),
            interactor=interactor,
            runs_all=program.options.runs_all,
            of_problem=True,
            compile_limits=LimitsSpec(cpu_s=limits.compile_cpu_s, memory_bytes=limits.compile_memory_bytes),
            passes=min(limits.passes, MAX_PASSES) if ProblemType.MULTI_PASS in package.types else 1,
        )
        self.program = replace(program, options=options)

    @property
    def silence_s(self) -> float:
        """The most seconds that one test, or the grader, takes by its limits."""
        grader_s = elapsed(self._judge_limits) if self.package.grader else 0.0
        return max(self.program.silence_s * self.package.limits.passes, grader_s)

    @property
    def included(self) -> dict[str, str]:
        """The files that are copied over the program's: paths in the package, by those in the program's folder."""
        files: dict[str, str] = {}
        for code in (EVERY_LANGUAGE, *reversed(self.program.codes)):
            files |= self.package.includes.get(code, {})
        return files

    def with_included(self, included: Mapping[str, bytes]) -> JobProgram:
        """Return the program with these files over its own: one of them may be what is compiled or run."""
        entry = main_file(dict.fromkeys(included, ""), self.program.codes[-1])
        return replace(self.program, entry=entry or self.program.entry)

    def chunk(self, numbers: Sequence[int]) -> list[int]:
        """Return the first of these tests, as many as fit into a request."""
        tests = [self.tests[number] for number in numbers[:MAX_TESTS]]
        return list(numbers[: fitting(self.package, [((one.input, one.answer), one.files.values()) for one in tests])])

    def case(self, number: int, contents: Mapping[str, bytes]) -> Case:
        """Return a test as the engine's request has it. `contents` are those of its files for the program."""
        test = self.tests[number]
        files = [file_of(path, contents[source]) for path, source in test.files.items()]
        fields = {
            "stdin_sha256": self.package.files[test.input].digest,
            "expected_sha256": self.package.files[test.answer].digest,
            "args": test.args,
            "checker_args": test.checker_args,
            "hidden": not test.is_sample,
            **({"files": files} if files else {}),
        }
        return Case(fields, test.name, not test.is_sample, 0.0)

    def grader_request(self, call: GraderCall, files: Mapping[str, bytes]) -> bytes:
        """Return the request that runs the custom grader for a group."""
        assert self.package.grader is not None
        program = self.by_itself(self.package.grader)
        return replace(program, cases=(Case({"stdin": call.stdin, "args": call.args}),)).request(files)

    def by_itself(self, judge: PackageProgram) -> JobProgram:
        """Return a program that judges, such as a validator, as one that runs by itself. It has no cases yet."""
        options = Program(limits=self._judge_limits, build=judge.build, of_problem=True)
        return JobProgram(judge.language, _entry(judge), options)

    def _spec(self, judge: PackageJudge | None) -> JudgeSpec | None:
        if judge is None:
            return None
        program = judge.program
        return JudgeSpec(
            protocol=judge.protocol,
            language=program.language,
            entry=_entry(program),
            limits=self._judge_limits,
            build=program.build,
        )


class ProblemAnswer(ProgramAnswer):
    """Takes the events of all answers about one run. The tests have the numbers of the problem's."""

    def __init__(self, problem: ProblemProgram, grading: Grading) -> None:
        super().__init__(problem.program)
        self._problem = problem
        self._grading = grading
        self._shows_sample = False
        self._has_failed = False

    def start(self, event: Started) -> None:
        self._started = self._started or event

    def compiled(self, event: Compiled) -> None:
        # It is compiled for each request, if that is not kept.
        if self._compiled is None or event.verdict is not None:
            self._compiled = event

    def judge_failed(self, event: JudgeFailed) -> None:
        self._judge_failed = event

    @property
    def is_over(self) -> bool:
        """True if no test can follow: the program or a judge does not compile."""
        return self._judge_failed is not None or (self._compiled is not None and self._compiled.verdict is not None)

    def put(self, event: TestEnded) -> tuple[TestEnded, float | None]:
        """Take the end of a test. Return it with its verdict in the problem, and the points that it earns."""
        score = TestScore(verdict=event.verdict, score=event.score, multiplier=event.multiplier)
        award = self._grading.put(event.number, score)
        if award.verdict is not event.verdict:
            judge_message = cut("\n".join(filter(None, (award.error, event.judge_message))), _MESSAGE_BYTES)
            changes = {"verdict": award.verdict, "message": None, "judge_message": judge_message, "diff": None}
            event = event.model_copy(update=changes)
        points = award.points
        if points is not None and not self._problem.package.scheme.is_scoring:
            points = 0.0
        self._measure(event, points)
        return event, points

    def shows(self, event: TestEnded) -> bool:
        """Return True if a mail shows the input and the answer of a test: of the first sample that failed."""
        case = self._program.cases[event.number - 1]
        return event.verdict not in GOOD_VERDICTS and not self._shows_sample and not case.hidden

    def show(self, event: TestEnded, stdin: bytes, expected: bytes) -> None:
        """Keep what a mail shows: all of the first sample that failed, and the message of the first test that did."""
        case = self._program.cases[event.number - 1]
        if event.verdict in GOOD_VERDICTS or self._shows_sample:
            return
        is_first, self._has_failed = not self._has_failed, True
        if case.hidden:
            if event.message and is_first:
                self._failed.append(failed_test(case.name, "", None, "", event.verdict, event.message))
            return
        self._shows_sample = True
        failed = failed_test(case.name, _shown(stdin), event.diff, event.stderr, event.verdict, event.message)
        self._failed.append(replace(failed, expected=_shown(expected)))

    def outcome(self) -> Outcome:
        if self._started is None:
            raise mixed_up("it did not start")
        graded = self._grading.result()
        if self._compiled is not None and self._compiled.verdict is not None:
            return self._graded(self._rejected(self._compiled), graded.model_copy(update={"points_awarded": 0.0}))
        if self._judge_failed is not None:
            groups = tuple(group.model_copy(update={"points_awarded": None}) for group in graded.groups)
            update = {"points_awarded": None, "groups": groups}
            return self._graded(self._not_judged(self._judge_failed), graded.model_copy(update=update))
        return self._graded(self._of_tests(graded.verdict), graded)

    def _graded(self, outcome: Outcome, graded: RunResult) -> Outcome:
        assert outcome.details is not None
        if not self._problem.package.scheme.is_scoring:
            graded = graded.model_copy(update={"points": 1.0})
        details: Details = replace(
            outcome.details,
            judge_message=outcome.details.judge_message or graded.error or None,
            graded=graded,
            problem=self._problem.title,
            is_interactive=self._problem.package.interactor is not None,
        )
        return replace(outcome, details=details)


def fitting(package: Package, runs: Sequence[tuple[Iterable[str], Iterable[str]]]) -> int:
    """Return how many runs fit into a request, at least one.

    Each run has the paths of the data that the request names, and of the files that are in it.
    """
    data = files = 0
    for number, (named, sent) in enumerate(runs[:MAX_TESTS]):
        data += sum(package.files[path].size_bytes for path in named if path)
        files += sum(package.files[path].size_bytes for path in sent if path)
        if number and (data > _DATA_BYTES or files > _FILES_BYTES):
            return number
    return min(len(runs), MAX_TESTS)


def _entry(program: PackageProgram) -> str:
    return _STARTER if program.is_scripts else program.entry


def files_beside(program: PackageProgram) -> dict[str, bytes]:
    """Return the files that a program of a package needs and that are not in it."""
    return {_STARTER: _START} if program.is_scripts else {}


def _shown(data: bytes) -> str:
    return replace_controls(data[:_MESSAGE_BYTES].decode(errors="replace"))
