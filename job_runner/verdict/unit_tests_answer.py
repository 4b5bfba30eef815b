"""Makes the outcome of a run of the events of unit tests. Pure."""

from dataclasses import replace

from job_runner.verdict.outcome import Details, TestOutcome
from job_runner.verdict.program_answer import ProgramAnswer, failed_test, mixed_up
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.job_program import JobProgram
from shared.engine_api.run_call.events import (
    GOOD_VERDICTS,
    CollectedTest,
    Collection,
    TestEnded,
    UnitTestEnded,
    UnitTestEvent,
    UnitTestsEnded,
)
from shared.engine_api.unit_tests import UnitTestOutcome


class UnitTestsAnswer(ProgramAnswer):
    """Takes the events of one answer in their order, as `ProgramAnswer` does. The engine says what they are together.

    The only case of its program has the limits of each test.
    """

    def __init__(self, program: JobProgram) -> None:
        super().__init__(program)
        self._collected: list[CollectedTest] = []
        self._all_ended: UnitTestsEnded | None = None

    def add(self, event: TestEnded) -> None:
        raise mixed_up(f"test {event.number} is no unit test")

    def add_of_unit_tests(self, event: UnitTestEvent) -> None:
        """Take an event. Raises `EngineUnavailable` if it is not due."""
        ended, count = len(self._ended), len(self._collected)
        match event:
            case Collection() if not count:
                self._collected = event.tests
            case UnitTestEnded() if event.number <= count and event.number not in self._ended:
                self._test_ended(self._collected[event.number - 1], event)
            case UnitTestsEnded() if 0 < ended == count and self._all_ended is None:
                self._all_ended = event
                self._verdicts.append(event.verdict)
                self._cpu_s.append(event.cpu_s)
                self._wall_s, self._judge_cpu_s = event.wall_s, event.judge_cpu_s
                self._memory_bytes.append(event.memory_bytes)
            case _:
                raise mixed_up(f"`{event.event}` was not due")

    def _test_ended(self, test: CollectedTest, event: UnitTestEnded) -> None:
        measures = (event.cpu_s, event.memory_bytes, self._program.cases[0].limits)
        self._ended[event.number] = TestOutcome(
            *(test.name, test.hidden, test.points, event.verdict, *measures, event.points_awarded, event.outcome)
        )
        if not test.hidden and event.verdict is not None and event.verdict not in GOOD_VERDICTS:
            texts = (event.stderr, event.verdict, event.message, event.stdout)
            self._failed.append(failed_test(test.name, "", None, *texts))

    def _tests(self) -> tuple[TestOutcome, ...]:
        return tuple(
            self._ended.get(number)
            or TestOutcome(test.name, test.hidden, test.points, scored=0.0, outcome=UnitTestOutcome.NOT_RUN)
            for number, test in enumerate(self._collected, 1)
        )

    def _answer(self, verdict: Verdict, **fields: object) -> RunResponse:
        return super()._answer(verdict, **fields, output=self._all_ended.stdout if self._all_ended else "")

    def _details(self, stderr: str | None, cut: tuple[str, ...], tests: tuple[TestOutcome, ...] | None) -> Details:
        stderr = self._all_ended.stderr if self._all_ended else stderr
        return replace(super()._details(stderr, cut, tests), has_unit_tests=True)
