"""One box as the executor uses it: it is prepared, runs one job, and is gone."""

import asyncio
import os
from dataclasses import replace
from functools import partial

from executor.sandbox.base import GIVEN, WORK, Job, SandboxFailure, Step, StepResult, Template, WorkFile
from executor.sandbox.keeper.protocol import Begin, BoxGone, BoxReady, MakeBox, Report, StepReport, encode
from executor.sandbox.keeper.words import run_words
from executor.sandbox.link import KeeperLink
from executor.sandbox.streams.collected import CollectedFiles
from executor.sandbox.streams.step import Descriptors, StepStreams, seal


class Box:
    """`gone` is done when nothing of the box is left; then `failure` is the reason."""

    def __init__(self, id_: int, user: int, template: Template, link: KeeperLink) -> None:
        self.id = id_
        self.user = user
        self.template = template
        self.is_ready = False
        self.failure: str | None = None
        loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = loop.create_future()
        self._first_ended: asyncio.Future[None] = loop.create_future()
        self._finished: asyncio.Future[None] = loop.create_future()
        self._link = link
        self._reports: list[StepReport] = []
        self._streams: list[StepStreams] = []
        self._compiled_files: CollectedFiles | None = None
        self._out_folder: CollectedFiles | None = None

    async def prepare(self) -> None:
        """Have the box made. It can `run` a job at once, or later."""
        await self._link.send(encode(MakeBox(self.id, self.user, self.template)), [])

    async def run(self, job: Job) -> list[StepResult]:
        """Run the steps and return their results. If it is cancelled or fails, the box is killed first."""
        try:
            await self._begin(job)
            compiled_files: dict[str, WorkFile] = {}
            if self._compiled_files:
                await self._first_ended
                compiled_files = self._compiled_files.compiled_files()
                if job.on_compiled and self._reports and not self._reports[0].last:
                    job.on_compiled(replace(self._results(job)[0], compiled_files=compiled_files))
            await self._finished
            results = self._results(job)
            if compiled_files:
                results[0] = replace(results[0], compiled_files=compiled_files)
            if self._out_folder and job.out_limits and len(results) == len(job.steps):
                collected = self._out_folder.out_folder(job.out_limits.kept_bytes)
                results[-1] = replace(results[-1], out_folder=collected)
            return results
        except BaseException:  # even if it did not begin: the box would wait for its job without end
            self.kill()
            await asyncio.shield(self.gone)
            raise
        finally:
            self.gone.add_done_callback(lambda _: self.close())  # later, because the answer goes first

    def handle(self, report: Report) -> None:
        match report:
            case BoxReady():
                self.is_ready = True
            case StepReport():
                self._reports.append(report)
                if not self._first_ended.done():
                    self._first_ended.set_result(None)
                if report.last and not self._finished.done():
                    self._finished.set_result(None)
            case BoxGone():
                self.end(report.failure or "the box was ended before its program")

    def end(self, reason: str) -> None:
        """Mark the box as gone. If `run` still waits, it raises `SandboxFailure` with the reason."""
        self.failure = reason
        if not self._first_ended.done():
            self._first_ended.set_result(None)
        if not self._finished.done():
            self._finished.set_exception(SandboxFailure(reason))
            self._finished.exception()  # no warning if nothing waits for it
        if not self.gone.done():
            self.gone.set_result(None)

    def kill(self) -> None:
        self._link.kill(self.id)

    def close(self) -> None:
        for streams in self._streams:
            streams.close()
        for collected in (self._compiled_files, self._out_folder):
            if collected:
                collected.close()

    def _results(self, job: Job) -> list[StepResult]:
        return [_result(report, job.steps[report.step], self._streams[report.step]) for report in self._reports]

    async def _begin(self, job: Job) -> None:
        descriptors = Descriptors()
        try:
            begin = await self._order(job, descriptors)
        except BaseException as exc:
            descriptors.close()
            if isinstance(exc, OSError | ValueError):
                raise SandboxFailure(f"the box could not begin: {exc}") from exc
            raise
        await self._link.send(encode(begin), descriptors.numbers)
        for step in job.steps:
            if step.wires:
                step.wires.signal = partial(self._link.signal, self.id)

    async def _order(self, job: Job, descriptors: Descriptors) -> Begin:
        given = {_from_work(f"{GIVEN}/{name}"): WorkFile(content, 0o444) for name, content in job.given.items()}
        all_files = {**job.files, **given}
        files = [(name, len(file.content), file.mode) for name, file in all_files.items()]
        contents = [file.content for file in all_files.values()]
        contents_at = descriptors.add(await seal(*contents)) if files else -1
        steps = []
        for step in job.steps:
            self._streams.append(StepStreams(step, self.kill))
            steps.append(await self._streams[-1].order(descriptors))
        collect = out = -1
        if job.compiled_bytes:
            self._compiled_files = CollectedFiles()
            collect = descriptors.add(self._compiled_files.take_writer())
        if job.out_limits:
            self._out_folder = CollectedFiles()
            out = descriptors.add(self._out_folder.take_writer())
        pipes = job.steps[-1].pipes
        words = run_words(
            files,
            contents_at,
            steps,
            collect=collect,
            max_bytes=job.compiled_bytes,
            out=out,
            max_out_files=job.out_limits.files if job.out_limits else 0,
            max_out_bytes=job.out_limits.bytes if job.out_limits else 0,
            out_folder=_from_work(job.out_limits.folder) if job.out_limits and not job.out_limits.paths else "",
            out_paths=job.out_limits.paths if job.out_limits else (),
            forwards=any(step.wires for step in job.steps),
            ends=steps[-1].stdin if pipes else -1,
            relays=pipes is not None and pipes.judge == self.id,
        )
        return Begin(self.id, tuple(step.limits for step in job.steps), words, pipes.judge if pipes else None)


def _from_work(path: str) -> str:
    """Return an absolute path as it is seen from the work folder."""
    return os.path.relpath(path, WORK)


def _result(report: StepReport, step: Step, streams: StepStreams) -> StepResult:
    output, errors, cut = streams.finish()
    stopped = report.stopped
    # It wrote too much before it reached its end or another limit.
    if cut and step.stop_on_overflow:
        stopped = "output"
    return StepResult(
        exit_code=report.exit_code,
        signal=report.signal,
        cpu_s=report.cpu_s,
        wall_s=report.wall_s,
        waited_s=report.waited_s,
        memory_bytes=report.memory_bytes,
        stopped=stopped,
        stdout=output,
        stderr=errors,
        cut=cut,
        turns=streams.turns,
        written=streams.written,
        ended_at=report.ended_at,
    )
