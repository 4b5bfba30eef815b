"""One run as the keeper sees it from outside: process 1 of its box, the meter of its stage, and the clock over it."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from executor.sandbox.keeper.meter import Meter, Usage
from executor.sandbox.keeper.processes import ProcessTree
from executor.sandbox.keeper.protocol import MAX_PACKET, StageLimits, StageReport, Task, TaskDone

_PROCESSORS = len(os.sched_getaffinity(0))
#: The wall limit may stretch by the time spent waiting for a processor, but no further than this many times.
_MOST_STRETCH = 20
#: Seconds between two looks at a run, at least and at most.
_SHORTEST_LOOK, _LONGEST_LOOK = 0.005, 0.05
#: ...and this many times as long as a look takes of our own CPU time.
_REST = 4


@dataclass
class Run:
    """`meters` are the stages', all made beforehand, or made by `late_meter` once the box stands.

    `silent` is set when process 1 has closed its side: it is on its way out, and SIGCHLD will tell.
    """

    task: Task
    init: int
    channel: socket.socket
    meters: list[Meter]
    late_meter: Callable[[ProcessTree, StageLimits], Meter] | None
    stage: int = 0
    started: float = 0.0
    wall_s: float = 0.0
    next_look: float = float("inf")
    stopped: str | None = None
    failure: str | None = None
    silent: bool = False
    _tree: ProcessTree | None = None

    def hear(self) -> Iterator[StageReport]:
        """What process 1 has said since the last time."""
        while packet := self._receive():
            said = json.loads(packet)
            if "standing" in said:
                self._begin()
                self.channel.send(b"!")
            elif "failure" in said:
                self.failure = said["failure"]
            else:
                yield self._ended(said)

    def look(self) -> None:
        """Compare what the stage has used with its limits, and end the run when it is over one."""
        now, spent = time.monotonic(), time.thread_time()
        limits = self._limits
        usage = self.meters[self.stage].sample()
        if usage.exhausted:
            self.stop("memory")
        elif usage.cpu_s > limits.cpu_s:
            self.stop("cpu")
        elif now >= self.started + self.wall_s and self._is_late(now):
            self.stop("wall")
        else:
            left = min((limits.cpu_s - usage.cpu_s) / _PROCESSORS, self.started + self.wall_s - now)
            longest = _SHORTEST_LOOK * 2 if self.late_meter else _LONGEST_LOOK
            # Sampling many processes takes long; the keeper must not spend all its time on it.
            cost = time.thread_time() - spent
            self.next_look = now + max(min(max(left, _SHORTEST_LOOK), longest), cost * _REST)

    def stop(self, reason: str) -> None:
        """End everything in the box; the first reason is the one that counts."""
        self.stopped = self.stopped or reason
        self.next_look = float("inf")
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.init, signal.SIGKILL)

    def close(self) -> Iterator[StageReport | TaskDone]:
        """Process 1 has been reaped, and with it the box is empty: report what it could not, and clean up."""
        yield from self.hear()
        if self._running and not self.failure:
            if self.stopped:
                usage = self.meters[self.stage].sample()
                yield self._report(None, signal.SIGKILL, usage, time.monotonic() - self.started)
            else:
                self.failure = "process 1 of the box ended before its program"
        for meter in self.meters:
            meter.close()
        if self._tree:
            self._tree.close()
        self.channel.close()
        yield TaskDone(self.task.id, self.failure)

    @property
    def _running(self) -> bool:
        return self.started > 0 and self.stage < len(self.task.stages)

    @property
    def _limits(self) -> StageLimits:
        return self.task.stages[self.stage].limits

    def _begin(self) -> None:
        if self.late_meter:
            self.meters.append(self.late_meter(self._open_tree(), self._limits))
        self.started = time.monotonic()
        self.wall_s = self._limits.wall_s
        self.next_look = self.started

    def _ended(self, said: dict[str, Any]) -> StageReport:
        usage = self.meters[self.stage].sample()
        if self.late_meter:
            usage = Usage(
                max(usage.cpu_s, said["cpu_s"]), max(usage.memory_bytes, said["resident_bytes"]), usage.exhausted
            )
        if usage.exhausted:
            self.stopped = self.stopped or "memory"
        elif usage.cpu_s > self._limits.cpu_s:
            self.stopped = self.stopped or "cpu"
        code = said["exit_code"]
        report = self._report(code if code >= 0 else None, -code if code < 0 else None, usage, said["wall_s"])
        self.next_look = float("inf")
        self.stage = self.stage + 1 if code == 0 else len(self.task.stages)
        if self._running:
            self._begin()
        return report

    def _report(self, exit_code: int | None, number: int | None, usage: Usage, wall_s: float) -> StageReport:
        return StageReport(
            id=self.task.id,
            stage=self.stage,
            exit_code=exit_code,
            signal=number,
            cpu_s=usage.cpu_s,
            wall_s=wall_s,
            memory_bytes=usage.memory_bytes,
            stopped=self.stopped,
        )

    def _is_late(self, now: float) -> bool:
        """The wall limit is reached; stretch it by what the program has waited for a processor, unless that is all."""
        elapsed = now - self.started
        try:
            waited = min(self._open_tree().longest_wait(), elapsed)
        except OSError:  # it has just ended
            return True
        left = self._limits.wall_s - (elapsed - waited)
        if left <= 0 or elapsed > self._limits.wall_s * _MOST_STRETCH:
            return True
        self.wall_s = elapsed + left
        return False

    def _open_tree(self) -> ProcessTree:
        if self._tree is None:
            self._tree = ProcessTree(self.init)
        return self._tree

    def _receive(self) -> bytes:
        try:
            packet = self.channel.recv(MAX_PACKET, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""
        except ConnectionError:
            packet = b""
        self.silent = not packet
        return packet
