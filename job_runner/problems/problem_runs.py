"""Runs submissions to problems: reads the tests of the pinned version, and has the engine run some of them at a time.

A test that cannot change the result is not run (`shared.judging.grading`): the engine's run ends before it.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from job_runner.engine.pause import Pause
from job_runner.leases.claim import ClaimedJob
from job_runner.leases.test_results import TestResults, TestWriter
from job_runner.problems.package_runs import PackageRuns
from job_runner.problems.program import ProblemAnswer, ProblemProgram
from job_runner.verdict.outcome import Outcome, check_load
from job_runner.verdict.program_answer import mixed_up
from shared.adapters.database.connection import Database
from shared.adapters.engine.base import EngineClient
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import PermanentError
from shared.engine_api.codex import Verdict
from shared.engine_api.job_program import JobProgram
from shared.engine_api.run_call.events import Compiled, JudgeFailed, Started, TestEnded
from shared.judging.grading.fold import Grading
from shared.judging.grading.fold_legacy import GraderCall
from shared.judging.packages.model import Package
from shared.records.problems.versions import of_id, package_of


class ProblemRuns(PackageRuns):
    """Runs submissions to problems. `run` may run for many jobs at once."""

    def __init__(
        self, database: Database, store: ObjectStore, engine: EngineClient, pause: Pause, results: TestResults
    ) -> None:
        super().__init__(store, engine)
        self._database = database
        self.pause = pause
        self.results = results

    async def run(
        self, job: ClaimedJob, problem_version: int, program: JobProgram, files: Mapping[str, bytes]
    ) -> Outcome:
        """Run a program with these files, and return its outcome. Raises `LeaseLost`."""
        package, title = await self._pinned(problem_version)
        if not package.tests:
            raise PermanentError("its problem has unit tests, which its server did not know; send it again")
        problem = ProblemProgram(program, package, title)
        included = await self.program_files(package, problem.included)
        judges = await self.files_of_judges(package)
        run = _Run(self, job, problem, problem.with_included(included), {**files, **included}, judges)
        return await run.outcome()

    async def unit_tests(self, problem_version: int, program: JobProgram) -> tuple[dict[str, bytes], str]:
        """Return the files of the unit tests for a program, as a request has them, and the problem's title."""
        package, title = await self._pinned(problem_version)
        return await self.unit_test_files(package, program), title

    async def _pinned(self, problem_version: int) -> tuple[Package, str]:
        """Return the package of a version, and the title that people read."""
        async with self._database.connection() as connection:
            version = await of_id(connection, problem_version)
            package = await package_of(connection, problem_version)
        if version is None or package is None:
            raise PermanentError("its problem is missing")
        return package, f"{version.title or package.title} ({version.reference})"


@dataclass
class _Run:
    """One run. `program`, `files` and `judges` are what each request has of them."""

    runs: ProblemRuns
    job: ClaimedJob
    problem: ProblemProgram
    program: JobProgram
    files: Mapping[str, bytes]
    judges: Mapping[str, Mapping[str, bytes]]

    def __post_init__(self) -> None:
        self._grading = Grading(self.problem.package.scheme, run_all=self.problem.program.options.runs_all)
        self._answer = ProblemAnswer(self.problem, self._grading)

    async def outcome(self) -> Outcome:
        """Run the tests that may change the result, and return the outcome."""
        writer = self.runs.results.writer(self.job)
        while not self._answer.is_over and (step := self._grading.next_step()) is not None:
            if isinstance(step, GraderCall):
                await self._grade(step)
            else:
                await self._run_some(writer)
        await writer.finish()
        return self._answer.outcome()

    async def _run_some(self, writer: TestWriter) -> None:
        """Run the next tests, up to one that need not be run."""
        numbers = self.problem.chunk(list(self._grading.upcoming()))
        tests = [self.problem.tests[number] for number in numbers]
        contents = await self.runs.contents(
            self.problem.package, [path for test in tests for path in test.files.values()]
        )
        cases = tuple(self.problem.case(number, contents) for number in numbers)
        request = await asyncio.to_thread(replace(self.program, cases=cases).request, self.files, self.judges)
        events = self.runs.events(request, share=self.job.share, silence_s=self.problem.silence_s)
        del request
        position = 0
        async with aclosing(events):
            async for event in events:
                self.job.run_time.add(event)
                if isinstance(event, Compiled | TestEnded):
                    check_load(event, self.job.attempt)
                match event:
                    case Started():
                        self.runs.pause.end()
                        self._answer.start(event)
                    case Compiled():
                        self._answer.compiled(event)
                    case JudgeFailed():
                        self._answer.judge_failed(event)
                    case TestEnded():
                        position += 1
                        if event.number != position or position > len(numbers) or self._answer.is_over:
                            raise mixed_up(f"test {event.number} was not due")
                        await self._ended(event.model_copy(update={"number": numbers[position - 1]}), writer)
                        if position < len(numbers) and self._grading.next_step() != numbers[position]:
                            return
        if not position and not self._answer.is_over:
            raise mixed_up("it ended too early")

    async def _ended(self, event: TestEnded, writer: TestWriter) -> None:
        event, points = self._answer.put(event)
        stdin = expected = b""
        # Where the program talks with a judge, the judge alone reads them.
        if self._answer.shows(event) and not self.problem.package.talks:
            package, test = self.problem.package, self.problem.tests[event.number]
            texts = await self.runs.contents(package, [test.input, test.answer])
            stdin, expected = texts[test.input], texts[test.answer]
        self._answer.show(event, stdin, expected)
        await writer.write(event, points)

    async def _grade(self, call: GraderCall) -> None:
        grader = self.problem.package.grader
        assert grader is not None
        files = await self.runs.judge_files(self.problem.package, grader)
        request = self.problem.grader_request(call, files)
        output, error = None, "The grader did not run."
        silence_s = self.problem.silence_s
        async with aclosing(self.runs.engine.run_program(request, share=self.job.share, silence_s=silence_s)) as events:
            async for event in events:
                self.job.run_time.add(event)
                if isinstance(event, Compiled) and event.verdict is not None:
                    error = f"The grader does not compile.\n{event.output}"
                if isinstance(event, TestEnded):
                    error = f"The grader failed: {event.error or event.verdict}."
                    output = event.written_to_stdout if event.verdict is Verdict.OK else None
        self._grading.put_grade(call, output, error)
