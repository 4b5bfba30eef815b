"""Runs programs at the engine: reads them and their files, and writes the results of their tests as they end."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Final, TypeVar
from zipfile import BadZipFile

from pydantic_core import from_json

from job_runner.engine.pause import Pause
from job_runner.leases import claim
from job_runner.leases.claim import ClaimedJob
from job_runner.leases.test_results import TestResults
from job_runner.problems.problem_runs import ProblemRuns
from job_runner.runs.live_output import LiveOutput
from job_runner.verdict.outcome import Outcome, check_load, decide
from job_runner.verdict.program_answer import ProgramAnswer, compared
from job_runner.verdict.unit_tests_answer import UnitTestsAnswer
from shared.adapters.database.connection import Connection, Database
from shared.adapters.engine.base import EngineClient
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.sources import judge_key, read_source
from shared.common.files.archives import unpack
from shared.common.service.errors import EngineAway, EngineCrashed, EngineUnavailable, ObjectNotFound, PermanentError
from shared.engine_api.codex import RunResponse
from shared.engine_api.job_program import JobProgram, ProgramRow
from shared.engine_api.run_call.events import (
    Collection,
    Compiled,
    JudgeFailed,
    Output,
    Started,
    TestEnded,
    UnitTestEnded,
    UnitTestsEnded,
)
from shared.engine_api.run_call.results import awarded

T = TypeVar("T")

_CHANGED: Final = "its file has changed since it was accepted"
_NO_RUN_CALL: Final = (
    "the engine of this service cannot run programs with {}: that needs Precieux's own engine, which has the call POST"
    " /run"
)


class ProgramRuns:
    """Runs programs. `run` may run for many jobs at once."""

    def __init__(self, database: Database, store: ObjectStore, engine: EngineClient, pause: Pause) -> None:
        self._database = database
        self._store = store
        self._engine = engine
        self._pause = pause
        self._results = TestResults(database)
        self._problems = ProblemRuns(database, store, engine, pause, self._results)
        self._reading = asyncio.Lock()

    async def run(self, job: ClaimedJob) -> Outcome:
        """Run the program of a job, and return its outcome. Raises `LeaseLost`.

        A classic submission gets what the CodeX call answers. Our engine's own call says when a run has begun.
        """
        submission = await self._parsed(job.job, claim.submission_of, job, from_json)
        row = ProgramRow(id=job.upload, filename=job.filename)
        if job.has_program:
            row = await self._parsed(job.program, claim.program_of, job, ProgramRow.model_validate_json)
        program = row.program(submission["language"], submission["inputs"] or "")
        key = row.key(program.language)
        data = await self._data(job, row, key, submission["contents"].encode())
        files = _unpacked(data) if row.is_archive else {program.entry: data}
        if row.problem_version is not None:
            if not await self._has_run_call(job):
                raise PermanentError(_NO_RUN_CALL.format("problems"))
            if program.options.unit_tests:
                return await self._run_unit_tests(job, row.problem_version, program, files)
            return await self._problems.run(job, row.problem_version, program, files)
        share = job.share
        if await self._has_run_call(job):
            outcome = await self._stream(job, program, program.request(files, await self._judges(program, key)), share)
            return outcome if job.has_program else replace(outcome, details=None)
        if missing := program.beyond_codex(files):
            raise PermanentError(_NO_RUN_CALL.format(" and ".join(missing)))
        answer = await self._call_codex(job, program, files[program.entry], share)
        return decide(compared(answer, program) if job.has_program else answer)

    async def _run_unit_tests(
        self, job: ClaimedJob, problem_version: int, program: JobProgram, files: Mapping[str, bytes]
    ) -> Outcome:
        """Run a submission to a problem whose unit tests judge it."""
        tests, title = await self._problems.unit_tests(problem_version, program)
        program = replace(program, options=program.options.model_copy(update={"of_problem": True}))
        outcome = await self._stream(job, program, program.request(files, {"unit_tests": tests}), job.share)
        return replace(outcome, details=outcome.details and replace(outcome.details, problem=title))

    async def _has_run_call(self, job: ClaimedJob) -> bool:
        try:
            return await self._engine.has_run_call()
        except EngineAway:
            # An engine may lack the list of its calls, which the original's client never asked for.
            if job.has_program:
                raise
            return False

    async def _parsed(
        self,
        text: str | None,
        read: Callable[[Connection, int], Awaitable[bytes]],
        job: ClaimedJob,
        parse: Callable[[str | bytes], T],
    ) -> T:
        """Return the value of a JSON text of a job. A long one is not in its claim: `text` is None."""
        if text is not None:
            return parse(text)
        # One at a time, because it takes several times its length in memory while it is read and parsed.
        async with self._reading, self._database.connection() as connection:
            return parse(await read(connection, job.id))

    async def _data(self, job: ClaimedJob, row: ProgramRow, key: str, contents: bytes) -> bytes:
        """Return the file, or the archive of several. Raises `PermanentError` if it is not the accepted one."""
        if not row.is_archive and (not row.sha256 or _sha256(contents) == row.sha256):
            return contents
        content = await self._database.call(claim.source_in_row, job.upload)
        return await self._stored(key, row.sha256, content)

    async def _judges(self, program: JobProgram, key: str) -> dict[str, dict[str, bytes]]:
        """Return the files of each judge. Raises `PermanentError` if they are not those that were accepted."""
        return {
            name: _unpacked(await self._stored(judge_key(key, name), judge.sha256))
            for name, judge in program.options.judges.items()
        }

    async def _stored(self, key: str, sha256: str | None, content: bytes | None = None) -> bytes:
        try:
            data = await read_source(self._store, key, content)
        except ObjectNotFound:
            raise PermanentError("its file is missing") from None
        if sha256 and _sha256(data) != sha256:
            raise PermanentError(_CHANGED)
        return data

    async def _stream(self, job: ClaimedJob, program: JobProgram, request: bytes, share: str) -> Outcome:
        answer = UnitTestsAnswer(program) if program.options.unit_tests else ProgramAnswer(program)
        results = self._results.writer(job)
        running = self._engine.run_program(request, share=share, silence_s=program.silence_s)
        del request
        with closing(LiveOutput(self._database, job.upload)) as live:
            async with aclosing(running) as events:
                async for event in events:
                    job.run_time.add(event)
                    if isinstance(event, Compiled | TestEnded):
                        check_load(event, job.attempt)
                    match event:
                        case Started():
                            self._pause.end()
                            answer.start(event)
                        case Compiled():
                            answer.compiled(event)
                        case Output():
                            live.write(event)
                        case JudgeFailed():
                            answer.judge_failed(event)
                        case Collection() | UnitTestEnded() | UnitTestsEnded():
                            answer.add_of_unit_tests(event)
                            if isinstance(event, Collection):
                                await self._results.collect(job, event)
                            elif isinstance(event, UnitTestEnded):
                                await results.write(event, event.points_awarded)
                        case TestEnded():
                            answer.add(event)
                            if program.has_tests:
                                points = program.cases[event.number - 1].points or 0.0
                                await results.write(event, awarded(points, event.verdict, event.points_awarded))
        await results.finish()
        return answer.outcome()

    async def _call_codex(self, job: ClaimedJob, program: JobProgram, source: bytes, share: str) -> RunResponse:
        was_well = self._pause.is_over or await self._engine.is_well()
        try:
            answer = await self._engine.run(
                code=source.decode("utf-8", "replace"),
                language=program.language,
                inputs=program.cases[0].fields["stdin"],
                share=share,
                filename=job.filename,
            )
        except EngineCrashed as exc:
            # This call does not say whether the run had begun. Perhaps the program stops this engine each time, so its
            # attempts have an end. If the engine did not answer before either, the program is not the cause.
            self._pause.begin(exc)
            raise (EngineUnavailable if was_well else EngineAway)(str(exc)) from exc
        self._pause.end()
        check_load(answer, job.attempt)
        return answer


def _unpacked(data: bytes) -> dict[str, bytes]:
    try:
        return unpack(data)
    except BadZipFile:
        raise PermanentError(_CHANGED) from None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
