"""The sandbox that is used: starts the wall with the keeper in it, hands it jobs, and collects what programs write."""

import asyncio
import collections
import contextlib
import itertools
import json
import os
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path

from executor.sandbox import seccomp, wall
from executor.sandbox.base import Ended, Job, SandboxFailure, Step
from executor.sandbox.capture import Capture
from executor.sandbox.cgroups import Cgroups
from executor.sandbox.collection import Collection
from executor.sandbox.keeper.protocol import MAX_PACKET, Stage, StageReport, Task, TaskDone, decode_report, encode
from executor.sandbox.sealed import read_only
from shared.logging import get_logger

log = get_logger(__name__)

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 5.0


@dataclass(frozen=True)
class Mechanisms:
    """What this host lets us use; found out once, in `executor.app`."""

    bubblewrap: Path
    privileged: bool
    first_user: int | None
    cgroups: Cgroups | None


@dataclass
class _Pending:
    done: asyncio.Future[None]
    reports: list[StageReport] = field(default_factory=list)


class BubblewrapSandbox:
    def __init__(self, mechanisms: Mechanisms) -> None:
        self.mechanisms = mechanisms
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._starting = asyncio.Lock()
        self._keeper: socket.socket | None = None
        self._raised = False
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._last_words: collections.deque[str] = collections.deque(maxlen=10)

    async def start(self) -> None:
        """Raise the wall; `SandboxFailure` with bubblewrap's own words when the host does not let us."""
        async with self._starting:
            if self._keeper is None:
                await self._start()

    async def aclose(self) -> None:
        """Everything that runs is killed; cgroups are removed."""
        keeper, process = self._keeper, self._process
        self._lose("the executor is stopping")
        if keeper:
            keeper.close()
        if process:
            try:
                await asyncio.wait_for(process.wait(), _STOP_TIMEOUT)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._listener:
            await self._listener
        if self.mechanisms.cgroups:
            self.mechanisms.cgroups.remove()

    async def run(self, job: Job, slot: int) -> list[Ended]:
        await self.start()
        task_id = next(self._ids)
        captures: list[tuple[Capture, Capture]] = []
        collection = Collection() if job.collect_bytes else None
        pending = _Pending(asyncio.get_running_loop().create_future())
        self._pending[task_id] = pending
        try:
            await self._hand_over(job, task_id, slot, captures, collection)
            await self._finished(task_id, pending)
            ended = [_ended(report, job.steps[report.stage], *captures[report.stage]) for report in pending.reports]
            if collection and ended:
                ended[0] = replace(ended[0], made=collection.finish())
            return ended
        finally:
            if collection:
                collection.close()
            del self._pending[task_id]
            for stdout, stderr in captures:
                stdout.close()
                stderr.close()

    async def _hand_over(
        self,
        job: Job,
        task_id: int,
        slot: int,
        captures: list[tuple[Capture, Capture]],
        collection: Collection | None,
    ) -> None:
        """Send the job to the keeper; `captures` are filled, one pair per step."""
        descriptors: list[int] = []

        def give(descriptor: int) -> int:
            descriptors.append(descriptor)
            return len(descriptors) - 1

        try:
            files = tuple((name, give(read_only(file.content)), file.mode) for name, file in job.files.items())
            stages = []
            for step in job.steps:
                stop = (lambda: self._kill(task_id)) if step.stop_on_overflow else None
                stdout = Capture(step.output_bytes, stop)
                stderr = stdout if step.merge_output else Capture(step.output_bytes, stop)
                captures.append((stdout, stderr))
                stdin = give(read_only(step.stdin)) if step.stdin else -1
                out = give(stdout.take_writer())
                err = out if step.merge_output else give(stderr.take_writer())
                stages.append(Stage(step.argv, step.environment, stdin, out, err, step.limits))
            collect = give(collection.take_writer()) if collection else -1
            task = Task(task_id, slot, files, tuple(stages), job.disk_bytes, collect, job.collect_bytes)
            await self._send(encode(task), descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    async def _finished(self, task_id: int, pending: _Pending) -> None:
        """Wait for the end of the box, also when we are cancelled: then it is hurried."""
        try:
            await asyncio.shield(pending.done)
        except asyncio.CancelledError:
            self._kill(task_id)
            with contextlib.suppress(SandboxFailure):
                await pending.done
            raise

    def _kill(self, task_id: int) -> None:
        # A packet this small fits unless the keeper has stopped reading; then its own limits still hold.
        if self._keeper:
            with contextlib.suppress(OSError):
                self._keeper.send(json.dumps({"kill": task_id}).encode())

    async def _send(self, packet: bytes, descriptors: list[int]) -> None:
        while self._keeper:
            try:
                socket.send_fds(self._keeper, [packet], descriptors)
            except BlockingIOError:
                await asyncio.sleep(0.001)  # the keeper is forking; it reads again in a moment
            except OSError as exc:
                raise SandboxFailure(f"the keeper cannot be reached: {exc}") from exc
            else:
                return
        raise SandboxFailure("the keeper is not running")

    async def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        plan = wall.build(self.mechanisms.bubblewrap, self.mechanisms.privileged)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *plan.argv,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=plan.descriptors,
                env={},
                start_new_session=True,  # a Ctrl-C is for the executor, which ends the wall in good order
            )
        finally:
            theirs.close()
            for descriptor in plan.descriptors:
                os.close(descriptor)
        self._keeper = ours
        assert self._process.stderr
        self._listener = asyncio.create_task(self._listen(self._process.stderr))
        try:
            await self._configure()
            ready = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ours, MAX_PACKET), _START_TIMEOUT)
        except (SandboxFailure, TimeoutError, OSError):
            ready = b""
        if not ready:
            ours.close()
            self._keeper = None
            await self._listener
            raise SandboxFailure(" ".join(self._last_words) or "bubblewrap ended without a word")
        self._raised = True
        asyncio.get_running_loop().add_reader(ours, self._hear)

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        self._last_words.clear()
        self._raised = False
        async for line in stderr:
            self._last_words.append(line.decode(errors="replace").strip())
            if self._raised:  # before, whoever starts us is told
                log.warning("keeper.said", text=self._last_words[-1])

    async def _configure(self) -> None:
        cgroups = self.mechanisms.cgroups
        hierarchies = dict(cgroups.folders) if cgroups else {}
        configuration = {
            "seccomp": seccomp.build(counted_by_cgroup=cgroups is not None).hex(),
            "first_user": self.mechanisms.first_user,
            "cgroups": cgroups.version if cgroups else None,
            "hierarchies": list(hierarchies),
        }
        descriptors = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in hierarchies.values()]
        try:
            await self._send(json.dumps(configuration).encode(), descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _hear(self) -> None:
        while self._keeper:
            try:
                packet = self._keeper.recv(MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                log.error("keeper.lost")
                self._lose("the keeper ended")
                return
            message = decode_report(packet)
            pending = self._pending.get(message.id) if message else None
            if pending and isinstance(message, StageReport):
                pending.reports.append(message)
            elif pending and isinstance(message, TaskDone) and not pending.done.done():
                if message.failure:
                    pending.done.set_exception(SandboxFailure(message.failure))
                else:
                    pending.done.set_result(None)

    def _lose(self, reason: str) -> None:
        """The keeper is gone; the next run starts another."""
        if self._keeper:
            asyncio.get_running_loop().remove_reader(self._keeper)
            self._keeper.close()
            self._keeper = None
        for pending in self._pending.values():
            if not pending.done.done():
                pending.done.set_exception(SandboxFailure(reason))


def _ended(report: StageReport, step: Step, stdout: Capture, stderr: Capture) -> Ended:
    output = stdout.finish()
    errors = b"" if step.merge_output else stderr.finish()
    truncated = stdout.truncated or stderr.truncated
    stopped = report.stopped
    # However the step came to its end, it had written too much before.
    if truncated and step.stop_on_overflow:
        stopped = "output"
    return Ended(
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
