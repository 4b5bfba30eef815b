"""One box as the executor sees it: prepared, begun once, and gone."""

import asyncio
from dataclasses import replace
from typing import Protocol

from executor.sandbox.base import Job, SandboxFailure, Step, StepResult, Template
from executor.sandbox.keeper.protocol import (
    Begin,
    BoxGone,
    BoxReady,
    MakeBox,
    Report,
    StepOrder,
    StepReport,
    encode,
    run_words,
)
from executor.sandbox.streams.artefacts import Artefacts
from executor.sandbox.streams.sealed import read_only
from executor.sandbox.streams.step import Descriptors, Streams


class Link(Protocol):
    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        """To the keeper; the descriptors are closed. `SandboxFailure` when it cannot be reached."""

    def kill(self, box: int) -> None:
        """Tell the keeper to end it, whatever it does."""


class Box:
    def __init__(self, id_: int, user: int, template: Template, link: Link) -> None:
        self.id = id_
        self.user = user
        self.template = template
        self.is_ready = False
        self.failure: str | None = None
        loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = loop.create_future()
        self._finished: asyncio.Future[None] = loop.create_future()
        self._link = link
        self._reports: list[StepReport] = []
        self._streams: list[Streams] = []
        self._artefacts: Artefacts | None = None

    async def prepare(self) -> None:
        descriptors = Descriptors()
        stub = self.template.stub
        step: StepOrder | None = None
        if stub:
            self._streams.append(Streams(stub, self.kill))
            step = self._streams[0].order_before_input(descriptors)
        template = self.template
        order = MakeBox(self.id, self.user, template.disk_bytes, template.limits, template.zygote, step)
        await self._link.send(encode(order), descriptors.given)

    async def run(self, job: Job) -> list[StepResult]:
        """Begin, and wait for the end, also when we are cancelled: then it is hurried."""
        try:
            await self._begin(job)
            await self._finished
            ended = [_ended(report, job.steps[report.step], self._streams[report.step]) for report in self._reports]
            if self._artefacts and ended:
                ended[0] = replace(ended[0], artefacts=self._artefacts.finish())
            return ended
        except BaseException:  # also when it could not begin: it would wait for ever
            self.kill()
            await asyncio.shield(self.gone)
            raise
        finally:
            self.gone.add_done_callback(lambda _: self.close())  # not before: the answer goes first

    def hear(self, report: Report) -> None:
        match report:
            case BoxReady():
                self.is_ready = True
            case StepReport():
                self._reports.append(report)
                if report.last and not self._finished.done():
                    self._finished.set_result(None)
            case BoxGone():
                self.end(report.failure or "the box was ended before its program")

    def end(self, reason: str) -> None:
        """Nothing of it is left; who still waits for it is told why."""
        self.failure = reason
        if not self._finished.done():
            self._finished.set_exception(SandboxFailure(reason))
            self._finished.exception()  # nobody need be waiting
        if not self.gone.done():
            self.gone.set_result(None)

    def kill(self) -> None:
        self._link.kill(self.id)

    def close(self) -> None:
        for streams in self._streams:
            streams.close()
        if self._artefacts:
            self._artefacts.close()

    async def _begin(self, job: Job) -> None:
        descriptors = Descriptors()
        files = tuple((name, descriptors.give(read_only(file.content)), file.mode) for name, file in job.files.items())
        steps = []
        for index, step in enumerate(job.steps):
            if index == 0 and self.template.stub:
                assert isinstance(step.stdin, bytes)
                self._streams[0].fulfil(step.stdin)
                steps.append(StepOrder(step.argv, step.environment, step.limits))
            else:
                self._streams.append(Streams(step, self.kill))
                steps.append(self._streams[index].order(descriptors))
        collect = -1
        if job.artefact_bytes:
            self._artefacts = Artefacts()
            collect = descriptors.give(self._artefacts.take_writer())
        try:
            stub = self.template.stub is not None
            words = run_words(files, steps, stub=stub, collect=collect, most_bytes=job.artefact_bytes)
        except ValueError as exc:
            descriptors.close()
            raise SandboxFailure(f"the box could not begin: {exc}") from exc
        begin = Begin(self.id, tuple(step.limits for step in job.steps), words)
        await self._link.send(encode(begin), descriptors.given)


def _ended(report: StepReport, step: Step, streams: Streams) -> StepResult:
    output, errors, truncated = streams.finish()
    stopped = report.stopped
    # However the step came to its end, it had written too much before.
    if truncated and step.stop_on_overflow:
        stopped = "output"
    return StepResult(
        exit_code=report.exit_code,
        signal=report.signal,
        cpu_s=report.cpu_s,
        wall_s=report.wall_s,
        memory_bytes=report.memory_bytes,
        stopped=stopped,
        stdout=output,
        stderr=errors,
        truncated=truncated,
    )
