"""One box as the keeper sees it from outside: process 1, the meter of the step that runs, and the clock over it."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.meter import Meter, Usage
from executor.sandbox.keeper.processes import ProcessTree, SampledMeter
from executor.sandbox.keeper.protocol import Begin, BoxGone, BoxReady, Report, StepLimits, StepReport, to_words

_PROCESSORS = len(os.sched_getaffinity(0))
#: The wall limit may stretch by the time spent waiting for a processor, but no further than this many times.
_MOST_STRETCH = 20
#: Seconds until its zygote must have made a box's first process, and until it must stand, on a loaded machine too.
LONGEST_SPAWN, _LONGEST_START = 30.0, 120.0
#: Seconds until the kernel must have taken down a box whose program has ended, and one that was killed.
_LONGEST_END = 30.0
#: Taking a box down takes the kernel as long as the executor takes to answer, so the answer goes first.
_ANSWER_FIRST = 0.002
#: Seconds between two looks at a run, at least and at most.
_SHORTEST_LOOK, _LONGEST_LOOK = 0.005, 0.05
#: ...and this many times as long as a look takes of our own CPU time, but no more seconds than that: a program that
#: makes looks take long must not be out of sight for long.
_REST, _LONGEST_REST = 4, 0.05


class WatchedBox:
    """From `MakeBox` to `BoxGone`. `new_meter` makes the cgroups of one more step; None where /proc is sampled.

    `init` and `process` (a pidfd) are those of process 1, as soon as the zygote has told them. `silent` is set when
    process 1 has closed its side: it is on its way out, and the pidfd will tell. It `lingers` if it does not end though
    it was killed: the kernel holds a process of the box, which can do nothing any more.
    """

    def __init__(
        self,
        id_: int,
        init_channel: socket.socket,
        first_meter: Meter | None,
        new_meter: Callable[[int, StepLimits], Meter] | None,
    ) -> None:
        self.id = id_
        self.channel = init_channel
        self.init = 0
        self.process = -1
        self.next_look = time.monotonic() + LONGEST_SPAWN
        self.silent = False
        self.lingers = False
        self._meters = [first_meter] if first_meter else []
        self._new_meter = new_meter
        self._begin: Begin | None = None
        self._descriptors: list[int] = []
        self._ready = False
        self._step = 0
        self._started = 0.0
        self._seen = Usage(0.0, 0)
        self._wall_s = 0.0
        self._stopped: str | None = None
        self._failure: str | None = None
        self._released = False
        self._tree: ProcessTree | None = None

    def spawned(self, init: int, process: int) -> None:
        """The zygote has made process 1."""
        self.init, self.process = init, process
        self.next_look = time.monotonic() + _LONGEST_START
        if self._stopped:
            self._kill()
        self._go_if_possible()

    def begin(self, begin: Begin, descriptors: list[int]) -> None:
        """Now, or as soon as the box stands. The descriptors are closed here."""
        self._begin, self._descriptors = begin, descriptors
        self._go_if_possible()

    def hear(self) -> Iterator[Report]:
        """What process 1 has said since the last time."""
        while said := channel.try_receive(self.channel):
            kind, _, rest = said.decode(errors="replace").partition(" ")
            if kind == "ready":
                self._ready = True
                for meter in self._meters:
                    meter.sample()  # so that its files are open when it matters
                yield BoxReady(self.id)
                self._go_if_possible()
            elif kind == "step":
                yield self._ended(*rest.split())
            else:
                self._failure = rest
        self.silent = said is not None

    def look(self) -> None:
        """Compare what the step has used with its limits, and end the run when it is over one, or never stood."""
        if self._stopped:
            self.fail(f"its processes did not end within {_LONGEST_END:g} s of being killed")
            self.lingers = True
            return
        if self._ready and not self._running:  # all has been told
            if self._released:
                self.stop("killed")
            else:
                self._release()
            return
        if not self._ready:
            self.fail(f"the box did not stand within {_LONGEST_START:g} s")
            self.stop("killed")
            return
        now, spent, limits = time.monotonic(), time.thread_time(), self._limits
        usage = self._meters[self._step].sample()
        self.next_look = now + _SHORTEST_LOOK
        if channel.is_readable(self.channel.fileno()):
            return  # process 1 has told of its end, and what was seen may be the next one's
        self._seen = usage
        if usage.exhausted or self._fills_buffers():
            self.stop("memory")
        elif usage.cpu_s > limits.cpu_s:
            self.stop("cpu")
        elif now >= self._started + self._wall_s and self._is_late(now):
            self.stop("wall")
        else:
            left = min((limits.cpu_s - usage.cpu_s) / _PROCESSORS, self._started + self._wall_s - now)
            longest = _LONGEST_LOOK if self._new_meter else _SHORTEST_LOOK * 2
            # Sampling many processes takes long; the keeper must not spend all its time on it.
            cost = time.thread_time() - spent
            rest = min(cost * _REST, cost + _LONGEST_REST)
            self.next_look = now + max(min(max(left, _SHORTEST_LOOK), longest), rest)

    def stop(self, reason: str) -> None:
        """End everything in the box; the first reason is the one that counts."""
        if self._stopped:
            return
        self._stopped = reason
        if self.process >= 0:
            self._kill()

    def fail(self, reason: str) -> None:
        self._failure = self._failure or reason

    def close(self) -> Iterator[Report]:
        """Process 1 is dead, and with it the box is empty: report what it could not, and clean up."""
        yield from self.hear()
        if self._running and not self._failure:
            with contextlib.suppress(OSError):
                if self._meters[self._step].is_starved():
                    self.stop("memory")
            if self._stopped:
                with contextlib.suppress(OSError):
                    self._seen = self._meters[self._step].sample()
                usage = self._seen
                yield self._report(None, signal.SIGKILL, usage, time.monotonic() - self._started, last=True)
            else:
                self._failure = "process 1 of the box ended before its program"
        elif self._started == 0 and not self._failure and not self._stopped:
            self._failure = "process 1 of the box ended before it began"
        for meter in self._meters:
            meter.close()
        if self._tree:
            self._tree.close()
        self._close_descriptors()
        self.channel.close()
        if self.process >= 0:
            os.close(self.process)
        yield BoxGone(self.id, self._failure)

    @property
    def _running(self) -> bool:
        return self._started > 0 and self._step < len(self._steps)

    @property
    def _steps(self) -> tuple[StepLimits, ...]:
        return self._begin.limits if self._begin else ()

    @property
    def _limits(self) -> StepLimits:
        return self._steps[self._step]

    def _go_if_possible(self) -> None:
        # The box may be told to stand before the zygote tells which process is its first.
        if self._ready and self.process >= 0 and not self._stopped:
            self.next_look = float("inf")
            if self._begin:
                self._go(self._begin)

    def _go(self, begin: Begin) -> None:
        try:
            self._start_clock()
            channel.send(self.channel, begin.words, self._descriptors)
            # While the first step runs, those after it are made ready.
            for index, limits in enumerate(self._steps[1:], start=1):
                if self._new_meter:
                    self._meters.append(self._new_meter(index, limits))
                joins = self._meters[index].joins() if self._new_meter else []
                try:
                    channel.send(self.channel, to_words(len(joins)), joins)
                finally:
                    channel.close(joins)
        except (OSError, ValueError) as exc:
            self.fail(f"the box could not begin: {exc}")
            self.stop("killed")
        finally:
            self._close_descriptors()

    def _start_clock(self) -> None:
        if self._new_meter is None:
            self._meters.append(SampledMeter(self._open_tree()))
        self._meters[self._step].begin(self._limits, waited=self._step == 0)
        self._seen = Usage(0.0, 0)
        self._started = time.monotonic()
        self._wall_s = self._limits.wall_s
        self.next_look = self._started + _SHORTEST_LOOK

    def _ended(self, step: str, exit_code: str, cpu_s: str, wall_s: str, resident: str) -> StepReport:
        """As `report` in init/pid1.c tells it; the exit code is negative where it was a signal."""
        follows = int(exit_code) == 0 and self._step + 1 < len(self._steps)
        told = Usage(float(cpu_s), int(resident))
        usage = self._meters[self._step].conclude(told, self._seen if follows else None)
        code = int(exit_code)
        if usage.exhausted or (code == -signal.SIGKILL and self._meters[self._step].is_starved()):
            self._stopped = self._stopped or "memory"
        elif usage.cpu_s > self._limits.cpu_s:
            self._stopped = self._stopped or "cpu"
        last = code != 0 or self._stopped is not None or self._step + 1 == len(self._steps)
        report = self._report(code if code >= 0 else None, -code if code < 0 else None, usage, float(wall_s), last=last)
        self.next_look = time.monotonic() + _ANSWER_FIRST
        self._step = len(self._steps) if last else self._step + 1
        if self._running:
            self._start_clock()
        elif self._stopped:  # it ended well, but not within its limits: nothing follows
            self._kill()
        return report

    def _report(self, code: int | None, number: int | None, usage: Usage, wall_s: float, *, last: bool) -> StepReport:
        used = usage.cpu_s, wall_s, usage.memory_bytes
        return StepReport(self.id, self._step, code, number, *used, self._stopped, last)

    def _fills_buffers(self) -> bool:
        """Sockets hold more than the limit. A cgroup knows a part of it; without one the meter counts it all."""
        if self._new_meter is None:
            return False
        try:
            return self._open_tree().in_buffers() > self._limits.memory_bytes
        except OSError:  # it has just ended
            return False

    def _is_late(self, now: float) -> bool:
        """The wall limit is reached; stretch it by what the program has waited for a processor, unless that is all."""
        elapsed = now - self._started
        try:
            waited = min(self._open_tree().longest_wait(), elapsed)
        except OSError:  # it has just ended
            return True
        left = self._limits.wall_s - (elapsed - waited)
        if left <= 0 or elapsed > self._limits.wall_s * _MOST_STRETCH:
            return True
        self._wall_s = elapsed + left
        return False

    def _open_tree(self) -> ProcessTree:
        if self._tree is None:
            tree = ProcessTree(self.init)
            if channel.is_readable(self.process):  # it has ended: another process may have its number
                tree.close()
                raise ProcessLookupError(self.init)
            self._tree = tree
        return self._tree

    def _release(self) -> None:
        """Let process 1 go, once its last word has been passed on."""
        self._released = True
        self.next_look = time.monotonic() + _LONGEST_END
        with contextlib.suppress(OSError):  # it has gone by itself
            self.channel.shutdown(socket.SHUT_WR)

    def _kill(self) -> None:
        self.next_look = time.monotonic() + _LONGEST_END
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process, signal.SIGKILL)

    def _close_descriptors(self) -> None:
        channel.close(self._descriptors)
        self._descriptors = []
