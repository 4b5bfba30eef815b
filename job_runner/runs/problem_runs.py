"""Runs submissions to problems: reads the tests of the pinned version, and has the engine run some of them at a time.

A test that cannot change the result is not run (`shared.grading`): the engine's run ends before it.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Final, TypeVar

from job_runner.engine.pause import Pause
from job_runner.leases.claim import ClaimedJob
from job_runner.runs.test_results import TestResults, TestWriter
from job_runner.verdict.outcome import Outcome, check_load
from job_runner.verdict.problem import ProblemAnswer, ProblemProgram, files_beside
from job_runner.verdict.program_answer import mixed_up
from shared.database.connection import Database
from shared.engine.client.base import EngineClient
from shared.engine.codex import Verdict
from shared.engine.job_program import JobProgram
from shared.engine.run_call import Compiled, JudgeFailed, Missing, Started, TestEnded
from shared.grading import GraderCall, Grading
from shared.packages.fields import replace_constants
from shared.packages.model import Package, PackageProgram
from shared.problems.files import read_file
from shared.problems.versions import of_id, package_of
from shared.service.errors import EngineUnavailable, ObjectNotFound, PermanentError
from shared.storage.base import ObjectStore

_Result = TypeVar("_Result")

#: Files of a problem that are read from the store at once.
_READ_AT_ONCE: Final = 16
#: Inputs and answers that are sent to the engine at once.
_SENT_AT_ONCE: Final = 4
#: How often the engine is asked, if it lacks data of tests.
_MOST_ASKED: Final = 4


class ProblemRuns:
    """Runs submissions to problems. `run` may run for many jobs at once."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        engine: EngineClient,
        pause: Pause,
        results: TestResults,
        *,
        load_seconds: float,
    ) -> None:
        self._database = database
        self._store = store
        self.engine = engine
        self.pause = pause
        self.results = results
        self.load_seconds = load_seconds
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)
        self.sending = asyncio.Semaphore(_SENT_AT_ONCE)

    async def run(self, job: ClaimedJob, program: JobProgram, files: Mapping[str, bytes]) -> Outcome:
        """Run a program with these files, and return its outcome. Raises `LeaseLost`."""
        assert program.problem_version is not None
        async with self._database.connection() as connection:
            version = await of_id(connection, program.problem_version)
            package = await package_of(connection, program.problem_version)
        if version is None or package is None:
            raise PermanentError("its problem is missing")
        problem = ProblemProgram(program, package, f"{version.title or package.title} ({version.reference})")
        run = _Run(self, job, problem)
        included = await self.program_files(package, problem.included)
        run.program = problem.with_included(included)
        run.files = {**files, **included}
        run.judges = {name: await self.judge_files(package, judge) for name, judge in problem.judges.items()}
        return await run.outcome()

    async def program_files(self, package: Package, paths: Mapping[str, str]) -> dict[str, bytes]:
        """Return files of a program or an include, with their constants replaced.

        Raises `PermanentError` if one is missing, or too long.
        """
        contents = await self.contents(package, paths.values())
        try:
            return {path: replace_constants(contents[source], package.constants) for path, source in paths.items()}
        except ValueError:
            raise PermanentError("a file of its problem is too long") from None

    async def judge_files(self, package: Package, judge: PackageProgram) -> dict[str, bytes]:
        return {**files_beside(judge), **await self.program_files(package, judge.files)}

    async def contents(self, package: Package, paths: Iterable[str]) -> dict[str, bytes]:
        """Return files of a package by their paths in it. Raises `PermanentError` if one is missing."""
        digests = {path: package.files[path].digest for path in paths}
        wanted = list(dict.fromkeys(digests.values()))
        found = await _all(map(self.read, wanted))
        by_digest = dict(zip(wanted, found, strict=True))
        return {path: by_digest[sha256] for path, sha256 in digests.items()}

    async def read(self, sha256: str) -> bytes:
        """Return a file by its digest. Raises `PermanentError` if it is missing."""
        async with self._reading:
            try:
                return await read_file(self._store, sha256)
            except ObjectNotFound:
                raise PermanentError("a file of its problem is missing") from None


class _Run:
    """One run. `program`, `files` and `judges` are what each request has of them."""

    program: JobProgram
    files: Mapping[str, bytes]
    judges: Mapping[str, Mapping[str, bytes]]

    def __init__(self, runs: ProblemRuns, job: ClaimedJob, problem: ProblemProgram) -> None:
        self._runs = runs
        self._job = job
        self._problem = problem
        self._grading = Grading(problem.package.scheme)
        self._answer = ProblemAnswer(problem, self._grading)
        self._share = f"key-{job.owner}"

    async def outcome(self) -> Outcome:
        """Run the tests that may change the result, and return the outcome."""
        writer = self._runs.results.writer(self._job)
        while not self._answer.is_over and (step := self._grading.next_step()) is not None:
            if isinstance(step, GraderCall):
                await self._grade(step)
            else:
                await self._run_some(writer)
        await writer.settle()
        return self._answer.outcome()

    async def _run_some(self, writer: TestWriter) -> None:
        """Run the next tests, up to one that need not be run."""
        numbers = self._problem.chunk(list(self._grading.upcoming()))
        tests = [self._problem.tests[number] for number in numbers]
        contents = await self._runs.contents(
            self._problem.package, [path for test in tests for path in test.files.values()]
        )
        cases = tuple(self._problem.case(number, contents) for number in numbers)
        request = await asyncio.to_thread(replace(self.program, cases=cases).request, self.files, self.judges)
        for _ in range(_MOST_ASKED):
            missing = await self._ask(request, numbers, writer)
            if not missing:
                return
            await _all(map(self._send, missing))
        raise EngineUnavailable("the engine does not keep the tests of the problem")

    async def _send(self, sha256: str) -> None:
        """Send data of a test to the engine."""
        async with self._runs.sending:
            await self._runs.engine.put_test_data(sha256, await self._runs.read(sha256))

    async def _ask(self, request: bytes, numbers: list[int], writer: TestWriter) -> list[str]:
        """Have the engine run these tests, up to one that need not be run. Return the data that it lacks first."""
        position, silence_s = 0, self._problem.silence_s
        async with aclosing(self._runs.engine.run_program(request, share=self._share, silence_s=silence_s)) as events:
            async for event in events:
                if self.program.may_rerun and isinstance(event, Compiled | TestEnded):
                    check_load(event, self._job.attempt, self._runs.load_seconds)
                match event:
                    case Missing():
                        return event.digests
                    case Started():
                        self._runs.pause.end()
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
                            return []
        if not position and not self._answer.is_over:
            raise mixed_up("it ended too early")
        return []

    async def _ended(self, event: TestEnded, writer: TestWriter) -> None:
        event, points = self._answer.put(event)
        stdin = expected = b""
        # Where the program talks with a judge, the judge alone reads them.
        if self._answer.shows(event) and not self._problem.package.talks:
            package, test = self._problem.package, self._problem.tests[event.number]
            texts = await self._runs.contents(package, [test.input, test.answer])
            stdin, expected = texts[test.input], texts[test.answer]
        self._answer.show(event, stdin, expected)
        await writer.write(event, points)

    async def _grade(self, call: GraderCall) -> None:
        """Let the custom grader fold the results of a group."""
        grader = self._problem.package.grader
        assert grader is not None
        files = await self._runs.judge_files(self._problem.package, grader)
        request = self._problem.grader_request(call, files)
        output, error = None, "The grader did not run."
        silence_s = self._problem.silence_s
        async with aclosing(self._runs.engine.run_program(request, share=self._share, silence_s=silence_s)) as events:
            async for event in events:
                if isinstance(event, Compiled) and event.verdict is not None:
                    error = f"The grader does not compile.\n{event.output}"
                if isinstance(event, TestEnded):
                    error = f"The grader failed: {event.error or event.verdict}."
                    output = event.written_to_stdout if event.verdict is Verdict.OK else None
        self._grading.put_grade(call, output, error)


async def _all(work: Iterable[Awaitable[_Result]]) -> list[_Result]:
    """Return the results, when all has ended. Raise the first failure."""
    done = await asyncio.gather(*work, return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return [result for result in done if not isinstance(result, BaseException)]
