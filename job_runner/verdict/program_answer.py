"""Makes the outcome of a run of the events of `POST /run`. Pure.

The outcome has a CodeX answer too, for the classic calls and the mails: its `error` is what the CodeX call answers.
"""

import time
from dataclasses import replace
from statistics import fmean
from typing import Final

from job_runner.verdict.outcome import Details, FailedTest, Outcome, TestOutcome, decide
from shared.common.service.errors import EngineUnavailable
from shared.engine_api.checker import compare
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.job_program import JobProgram
from shared.engine_api.run_call.events import GOOD_VERDICTS, Compiled, JudgeFailed, Started, TestEnded, UnitTestEvent
from shared.engine_api.run_call.results import verdict_of

#: What the sender reads as the reason of `wrong_answer`.
WRONG: Final = "The output is not the expected one."
#: Characters kept of each text other than the streams.
_FIELD_LENGTH: Final = 1000
#: Characters of each text of a failed test that its mail shows.
_SHOWN: Final = 1000


class ProgramAnswer:
    """Takes the events of one answer in their order. Raises `EngineUnavailable` if the engine mixes them up.

    The caller keeps the texts of tests: only their verdicts and measures are kept here.
    """

    def __init__(self, program: JobProgram) -> None:
        self._program = program
        self._started: Started | None = None
        self._compiled: Compiled | None = None
        #: The last event of a submission without tests. Each run of the program has one.
        self._last: TestEnded | None = None
        self._ended: dict[int, TestOutcome] = {}
        self._failed: list[FailedTest] = []
        self._verdicts: list[Verdict] = []
        self._cpu_s: list[float] = []
        self._wall_s = 0.0
        self._memory_bytes: list[int] = []
        self._judge_cpu_s = 0.0
        #: Why no test can be judged.
        self._judge_failed: JudgeFailed | None = None

    def start(self, event: Started) -> None:
        if self._started is not None:
            raise mixed_up("it started twice")
        self._started = event

    def compiled(self, event: Compiled) -> None:
        if self._verdicts or self._compiled is not None:
            raise mixed_up("it compiled twice, or after the first test")
        self._compiled = event

    def judge_failed(self, event: JudgeFailed) -> None:
        if self._verdicts or not self._may_test:
            raise mixed_up("its judge failed after the first test, or twice")
        self._judge_failed = event

    def add(self, event: TestEnded) -> None:
        if event.number != len(self._verdicts) + 1 or event.number > len(self._program.cases) or not self._may_test:
            raise mixed_up(f"test {event.number} was not due")
        self._measure(event, event.points_awarded)
        self._last = None if self._program.has_tests else event
        case = self._program.cases[event.number - 1]
        if not case.hidden and (event.verdict not in GOOD_VERDICTS or event.message):
            self._failed.append(
                failed_test(case.name, case.fields["stdin"], event.diff, event.stderr, event.verdict, event.message)
            )

    def _measure(self, event: TestEnded, scored: float | None) -> None:
        case = self._program.cases[event.number - 1]
        self._ended[event.number] = TestOutcome(
            case.name, case.hidden, case.points, event.verdict, event.cpu_s, event.memory_bytes, case.limits, scored
        )
        self._verdicts.append(event.verdict)
        self._cpu_s.append(event.cpu_s)
        self._wall_s += event.wall_s
        self._memory_bytes.append(event.memory_bytes)
        self._judge_cpu_s += event.judge_cpu_s

    def add_of_unit_tests(self, event: UnitTestEvent) -> None:
        raise mixed_up("it has unit tests")

    def outcome(self) -> Outcome:
        """Return the outcome after the last event."""
        if self._started is None or (self._may_test and len(self._verdicts) < len(self._program.cases)):
            raise mixed_up("it ended too early")
        if self._compiled is not None and self._compiled.verdict is not None:
            return self._rejected(self._compiled)
        if self._judge_failed is not None:
            return self._not_judged(self._judge_failed)
        return self._of_tests(verdict_of(self._verdicts)) if self._program.has_tests else self._ran()

    @property
    def _may_test(self) -> bool:
        options = self._program.options
        failed = options.stop_at_first_failure and any(verdict not in GOOD_VERDICTS for verdict in self._verdicts)
        too_long = self._verdicts.count(Verdict.TIME_LIMIT) == options.stop_after_time_limits
        is_unjudged = self._judge_failed is not None or Verdict.JUDGE_ERROR in self._verdicts
        is_compiled = self._compiled is None or self._compiled.verdict is None
        return is_compiled and not (failed or too_long or is_unjudged)

    def _rejected(self, compiled: Compiled) -> Outcome:
        answer = self._answer(
            Verdict.COMPILE_ERROR,
            error=_join(compiled.error, compiled.output) or f"{Verdict.COMPILE_ERROR}.",
            truncated=compiled.truncated,
            time_s=compiled.cpu_s,
            wall_s=compiled.wall_s,
            memory_bytes=compiled.memory_bytes,
        )
        tests = self._tests() if self._program.has_tests else None
        return decide(answer, self._details(None if tests else "", (), tests))

    def _not_judged(self, event: JudgeFailed) -> Outcome:
        tests = self._tests() if self._program.has_tests else None
        details = self._details(None if tests else "", (), tests)
        details = replace(details, judge_message=event.judge_message, is_judged=False)
        return decide(self._answer(Verdict.JUDGE_ERROR, error=f"{Verdict.JUDGE_ERROR}."), details)

    def _ran(self) -> Outcome:
        event = self._last
        assert event is not None
        answer = self._answer(
            event.verdict,
            output=event.stdout,
            error=_error(event),
            truncated=bool(event.truncated),
            exit_code=event.exit_code,
            signal=event.signal,
            time_s=round(fmean(self._cpu_s), 6),
            wall_s=round(self._wall_s / len(self._cpu_s), 6),
            memory_bytes=round(fmean(self._memory_bytes)),
            cpu_pressure=event.cpu_pressure,
        )
        details = self._details(event.stderr, tuple(event.truncated), None)
        details = replace(
            details,
            stdout_bytes=event.stdout_bytes,
            stderr_bytes=event.stderr_bytes,
            artifacts=event.artifacts,
            artifacts_left_out=event.artifacts_left_out,
            message=event.message,
            judge_message=event.judge_message,
        )
        return decide(answer, details)

    def _of_tests(self, verdict: Verdict) -> Outcome:
        tests = self._tests()
        passed = sum(test.verdict in GOOD_VERDICTS for test in tests)
        answer = self._answer(
            verdict,
            error="" if verdict in GOOD_VERDICTS else f"{passed} of {len(tests)} tests passed.",
            time_s=round(sum(self._cpu_s), 6),
            wall_s=round(self._wall_s, 6),
            memory_bytes=max(self._memory_bytes, default=0),
        )
        is_judged = verdict is not Verdict.JUDGE_ERROR
        return decide(answer, replace(self._details(None, (), tests), is_judged=is_judged))

    def _tests(self) -> tuple[TestOutcome, ...]:
        return tuple(
            self._ended.get(number) or TestOutcome(case.name, case.hidden, case.points, limits=case.limits)
            for number, case in enumerate(self._program.cases, 1)
        )

    def _details(self, stderr: str | None, cut: tuple[str, ...], tests: tuple[TestOutcome, ...] | None) -> Details:
        compiled = self._compiled
        diagnostics = None if compiled is None else _join(compiled.error, compiled.output)
        if compiled is not None and compiled.truncated:
            cut = (*cut, "compile_output")
        if tests is not None:
            details = Details(stderr, diagnostics, cut, tests, failed=tuple(self._failed))
        else:
            limits = self._program.cases[0].limits
            details = Details(stderr, diagnostics, cut, limits=limits)
        return replace(details, judge_cpu_s=self._judge_cpu_s, is_interactive=self._program.is_interactive)

    def _answer(self, verdict: Verdict, **fields: object) -> RunResponse:
        assert self._started is not None
        started = self._started
        return RunResponse.model_validate(
            {
                "timeStamp": time.time_ns() // 1_000_000,
                "status": 408 if verdict is Verdict.TIME_LIMIT else 200,
                "language": started.language[:_FIELD_LENGTH],
                "info": started.info[:_FIELD_LENGTH],
                "compile": started.compile and started.compile[:_FIELD_LENGTH],
                "run": started.run[:_FIELD_LENGTH],
                "verdict": verdict,
                "truncated": False,
                **fields,
            }
        )


def compared(answer: RunResponse, program: JobProgram) -> RunResponse:
    """Return the answer to a CodeX call with a verdict on its output too: that engine only runs the program.

    Some engines send no verdict at all.
    """
    verdict = answer.verdict or (Verdict.OK if answer.status == 200 else Verdict.RUNTIME_ERROR)
    expected = program.cases[0].fields["expected_output"]
    if verdict is not Verdict.OK or expected is None:
        return answer.model_copy(update={"verdict": verdict})
    difference = compare(answer.output.encode("utf-8", "replace"), expected.encode(), program.options.comparison)
    if difference is None:
        return answer.model_copy(update={"verdict": Verdict.ACCEPTED})
    return answer.model_copy(update={"verdict": Verdict.WRONG_ANSWER, "error": _join(WRONG, answer.error)})


def failed_test(
    name: str, stdin: str, diff: str | None, stderr: str, verdict: Verdict, message: str | None, stdout: str = ""
) -> FailedTest:
    """Return the texts of a test that the mail shows: of a passed test, only the judge's message."""
    if verdict in GOOD_VERDICTS:
        stdin = stderr = stdout = ""
    shown = stdin[:_SHOWN], (diff or "")[:_SHOWN], stderr[:_SHOWN], (message or "")[:_SHOWN]
    return FailedTest(name, *shown, stdout=stdout[:_SHOWN])


def _error(event: TestEnded) -> str:
    """Return what the CodeX call answers as `error`: the reason, and the program's standard error."""
    reason = "" if event.verdict is Verdict.JUDGE_ERROR else event.error
    if event.verdict is Verdict.RUNTIME_ERROR and event.stderr.strip() and event.signal is None:
        reason = ""  # the program's own message says more than its exit code
    if event.verdict is Verdict.WRONG_ANSWER and not reason:
        reason = WRONG
    return _join(reason, event.stderr) or ("" if event.verdict in GOOD_VERDICTS else f"{event.verdict}.")


def _join(reason: str, text: str) -> str:
    return f"{reason}\n{text}" if reason and text else reason or text


def mixed_up(what: str) -> EngineUnavailable:
    """Return the error of an engine whose answer does not follow the protocol."""
    return EngineUnavailable(f"the engine's answer does not follow the protocol of POST /run: {what}")
