"""One box as the executor uses it: it is prepared, runs one job, and is gone."""

import asyncio
import os
from dataclasses import replace
from typing import Any

from executor.sandbox.base import WORK, GaveWay, Job, Laps, OutFolder, SandboxFailure, Step, StepResult, Template
from executor.sandbox.keeper.protocol import (
    Begin,
    BoxGone,
    BoxReady,
    GiveWay,
    Kill,
    Lap,
    LapReport,
    MakeBox,
    Report,
    Signal,
    SliceUsed,
    StepReport,
    encode,
)
from executor.sandbox.keeper.words import run_words, step_words
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
        self._ended: asyncio.Future[StepReport] = loop.create_future()
        #: The lap that has been ordered.
        self._lap: asyncio.Future[float] = loop.create_future()
        self._link = link
        self._step: Step | None = None
        self._streams: StepStreams | None = None
        self._collected: CollectedFiles | None = None

    async def prepare(self) -> None:
        """Have the box made. It can `run` a job at once, or later."""
        await self._link.send(encode(MakeBox(self.id, self.user, self.template)), [])

    async def run(self, job: Job) -> StepResult:
        """Run the step and return its result. If it is cancelled or fails, the box is killed first."""
        try:
            await self._begin(job)
            return await self._result(await self._ended, job)
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
            case SliceUsed():
                if self._step and self._step.on_slice:
                    self._step.on_slice(self)
            case LapReport():
                if not self._lap.done():
                    self._lap.set_result(report.cpu_s)
            case StepReport():
                if not self._ended.done():
                    self._ended.set_result(report)
            case BoxGone():
                self.end(report.failure or "the box was ended before its program")

    def end(self, reason: str) -> None:
        """Mark the box as gone. If `run` still waits, it raises `SandboxFailure` with the reason."""
        self.failure = reason
        if not self._ended.done():
            self._ended.set_exception(SandboxFailure(reason))
            self._ended.exception()  # no warning if nothing waits for it
        if not self.gone.done():
            self.gone.set_result(None)

    def kill(self) -> None:
        self._link.send_soon(Kill(self.id))

    def give_way(self) -> None:
        self._link.send_soon(GiveWay(self.id))

    def end_early(self) -> None:
        if not self._ended.done():
            self._ended.set_exception(GaveWay())

    def close(self) -> None:
        if self._streams:
            self._streams.close()
        if self._collected:
            self._collected.close()

    async def _begin(self, job: Job) -> None:
        descriptors, self._step = Descriptors(), job.step
        try:
            begin = await self._order(job, descriptors)
        except BaseException as exc:
            descriptors.close()
            if isinstance(exc, OSError | ValueError):
                raise SandboxFailure(f"the box could not begin: {exc}") from exc
            raise
        await self._link.send(encode(begin), descriptors.numbers)
        if job.step.on_begin:
            job.step.on_begin(Laps(self._begin_lap, self._ended))
        if job.step.wires:
            job.step.wires.signal = lambda number: self._link.send_soon(Signal(self.id, number))

    async def _begin_lap(self, cpu_s: float, wall_s: float) -> float | None:
        if self._ended.done():
            return None
        self._lap = asyncio.get_running_loop().create_future()
        await self._link.send(encode(Lap(self.id, cpu_s, wall_s)), [])
        either: set[asyncio.Future[Any]] = {self._lap, self._ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return self._lap.result() if self._lap.done() else None

    async def _order(self, job: Job, descriptors: Descriptors) -> Begin:
        placed = job.all_files
        files = [(name, len(file.content), file.mode) for name, file in placed.items()]
        contents = [file.content for file in placed.values()]
        contents_at = descriptors.add(await seal(*contents)) if files else -1
        self._streams = StepStreams(job.step, self.kill)
        streams = await self._streams.attach(descriptors)
        step, wanted = job.step, job.out_limits
        self._collected = CollectedFiles() if wanted else None
        words = run_words(
            files,
            contents_at,
            wanted.paths if wanted else (),
            out=descriptors.add(self._collected.take_writer()) if self._collected else -1,
            max_files=wanted.files if wanted else 0,
            max_bytes=wanted.bytes if wanted else 0,
            folder=_from_work(wanted.folder) if wanted and not wanted.paths else "",
            forwards=step.wires is not None,
            ends=streams[0] if step.pipes else -1,
            relays=step.pipes is not None and step.pipes.judge == self.id,
        )
        words += step_words(step.argv, step.environment, step.limits, streams, step.shortcut)
        return Begin(self.id, step.limits, words, step.pipes.judge if step.pipes else None)

    async def _result(self, report: StepReport, job: Job) -> StepResult:
        assert self._streams
        output, errors, cut = self._streams.finish()
        used = {name: value for name, value in vars(report).items() if name != "id"}
        # It wrote too much before it reached its end or another limit.
        if cut and job.step.stop_on_overflow:
            used["stopped"] = "output"
        turns, written = tuple(self._streams.turns), self._streams.written
        result = StepResult(**used, stdout=output, stderr=errors, cut=cut, turns=turns, written=written)
        wanted = job.out_limits
        if self._collected is None or wanted is None or (wanted.folder == WORK and not result.succeeded):
            return result
        files, left_out, size = await self._collected.read(wanted.kept_bytes)
        if wanted.folder == WORK:
            return replace(result, compiled_files=files, out_folder=OutFolder(left_out=left_out))
        named = {name: file.content for name, file in files.items()}
        return replace(result, out_folder=OutFolder(named, left_out, size))


def _from_work(path: str) -> str:
    return os.path.relpath(path, WORK)
