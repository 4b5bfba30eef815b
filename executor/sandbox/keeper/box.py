"""One box as the keeper watches it from outside, from `MakeBox` to `BoxGone`."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.meter import Meter, Usage
from executor.sandbox.keeper.process_tree import ProcessTree
from executor.sandbox.keeper.protocol import Begin, BoxGone, BoxReady, Report, StepLimits, StepReport
from executor.sandbox.keeper.sampled_meter import SampledMeter
from executor.sandbox.keeper.step_clock import StepClock
from executor.sandbox.keeper.words import StepEnd, to_words

#: Seconds in which the zygote must make a box's first process, and in which the box must be ready. Even a loaded
#: machine needs less.
SPAWN_TIMEOUT, _START_TIMEOUT = 30.0, 120.0
#: Seconds in which the kernel must take down a box whose program has ended, or that was killed.
_END_TIMEOUT = 30.0
#: Seconds before a box is taken down. That takes the kernel as long as the executor needs to answer its client, so the
#: answer goes first.
_ANSWER_FIRST = 0.002
_NEVER = float("inf")


class WatchedBox:
    """Process 1 of a box, and the step that runs in it.

    `new_meter` makes the cgroups of a further step; it is None if /proc is sampled instead. `init` and `process` are
    the id and pidfd of process 1, once the zygote has made it. `is_silent` is set when process 1 has closed its socket;
    it ends in a moment, which makes the pidfd readable. `is_stuck` is set if process 1 does not end though it was
    killed: the kernel holds a process of the box, which can do nothing any more.
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
        self.next_check = time.monotonic() + SPAWN_TIMEOUT
        self.is_silent = False
        self.is_stuck = False
        self._meters = [first_meter] if first_meter else []
        self._new_meter = new_meter
        self._begin: Begin | None = None
        self._descriptors: list[int] = []
        self._is_ready = False
        self._step = 0
        self._clock: StepClock | None = None
        self._last_sample = Usage(0.0, 0)
        self._stopped: str | None = None
        self._failure: str | None = None
        self._is_released = False
        self._tree: ProcessTree | None = None

    def spawned(self, init: int, process: int) -> None:
        """Take process 1, which the zygote has made."""
        self.init, self.process = init, process
        self.next_check = time.monotonic() + _START_TIMEOUT
        if self._stopped:
            self._kill()
        self._start_if_possible()

    def begin(self, begin: Begin, descriptors: list[int]) -> None:
        """Start the steps, now or as soon as the box is ready. Closes the descriptors."""
        self._begin, self._descriptors = begin, descriptors
        self._start_if_possible()

    def read_reports(self) -> Iterator[Report]:
        """Read what process 1 has sent, and yield what the executor has to know of it."""
        while packet := channel.try_receive(self.channel):
            kind, _, rest = packet.decode(errors="replace").partition(" ")
            if kind == "ready":
                self._is_ready = True
                for meter in self._meters:
                    meter.sample()  # so that its files are open before the program runs
                yield BoxReady(self.id)
                self._start_if_possible()
            elif kind == "step":
                yield self._end_step(StepEnd.parse(rest))
            else:
                self._failure = rest
        self.is_silent = packet is not None

    def check_limits(self) -> None:
        """Stop the box if its step is over a limit, or if the box itself takes too long to be ready or to end."""
        if self._stopped:
            self.fail(f"its processes did not end within {_END_TIMEOUT:g} s of being killed")
            self.is_stuck = True
        elif not self._is_ready:
            self.fail(f"the box was not ready within {_START_TIMEOUT:g} s")
            self.stop("killed")
        elif clock := self._running:
            self._check_step(clock)
        elif self._is_released:
            self.stop("killed")
        else:  # the last report has been sent
            self._release()

    def stop(self, reason: str) -> None:
        """End everything in the box. The first reason counts."""
        if self._stopped:
            return
        self._stopped = reason
        if self.process >= 0:
            self._kill()

    def fail(self, reason: str) -> None:
        """Record why the box failed. The first reason counts."""
        self._failure = self._failure or reason

    def close(self) -> Iterator[Report]:
        """Yield the remaining reports and release everything. Process 1 is dead, so the box is empty."""
        yield from self.read_reports()
        if (clock := self._running) and not self._failure:
            with contextlib.suppress(OSError):
                if self._meters[self._step].is_starved():
                    self.stop("memory")
            if self._stopped:
                with contextlib.suppress(OSError):
                    self._last_sample = self._meters[self._step].sample()
                wall_s = time.monotonic() - clock.started
                yield self._report(None, signal.SIGKILL, self._last_sample, wall_s, last=True)
            else:
                self._failure = "process 1 of the box ended before its program"
        elif self._clock is None and not self._failure and not self._stopped:
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
    def _limits(self) -> tuple[StepLimits, ...]:
        return self._begin.limits if self._begin else ()

    @property
    def _running(self) -> StepClock | None:
        """The clock of the step that runs; None before the first step and after the last."""
        return self._clock if self._step < len(self._limits) else None

    def _start_if_possible(self) -> None:
        # Process 1 may report that it is ready before the zygote reports its process id.
        if self._is_ready and self.process >= 0 and not self._stopped:
            self.next_check = _NEVER
            if self._begin:
                self._start(self._begin)

    def _start(self, begin: Begin) -> None:
        try:
            self._start_clock(begin.limits[0])
            channel.send(self.channel, begin.words, self._descriptors)
            # The cgroups of the further steps are made while the first step runs.
            for index, limits in enumerate(begin.limits[1:], start=1):
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

    def _start_clock(self, limits: StepLimits) -> None:
        if self._new_meter is None:
            self._meters.append(SampledMeter(self._open_tree()))
        self._meters[self._step].begin(limits, waited=self._step == 0)
        self._last_sample = Usage(0.0, 0)
        self._clock = StepClock(limits, is_sampled=self._new_meter is None)
        self.next_check = self._clock.first_check

    def _check_step(self, clock: StepClock) -> None:
        now, cpu_before = time.monotonic(), time.thread_time()
        usage = self._meters[self._step].sample()
        self.next_check = clock.soonest_check(now)
        if channel.is_readable(self.channel.fileno()):
            return  # process 1 has reported the end of the step, and the sample may be of the next one
        self._last_sample = usage
        if usage.exhausted or self._fills_buffers(clock.limits):
            self.stop("memory")
        elif usage.cpu_s > clock.limits.cpu_s:
            self.stop("cpu")
        elif clock.has_expired(now) and not self._can_stretch(clock, now):
            self.stop("wall")
        else:
            # Sampling many processes takes long; the keeper must not spend all its time on it.
            self.next_check = clock.next_check(now, usage.cpu_s, time.thread_time() - cpu_before)

    def _end_step(self, end: StepEnd) -> StepReport:
        limits, meter = self._limits[self._step], self._meters[self._step]
        is_last = end.exit_code != 0 or self._step + 1 == len(self._limits)
        reported = Usage(end.cpu_s, end.resident_bytes)
        usage = meter.conclude(reported, None if is_last else self._last_sample)
        if usage.exhausted or (end.signal == signal.SIGKILL and meter.is_starved()):
            self._stopped = self._stopped or "memory"
        elif usage.cpu_s > limits.cpu_s:
            self._stopped = self._stopped or "cpu"
        is_last = is_last or self._stopped is not None
        report = self._report(end.exit_code, end.signal, usage, end.wall_s, last=is_last)
        self.next_check = time.monotonic() + _ANSWER_FIRST
        if not is_last:
            self._step += 1
            self._start_clock(self._limits[self._step])
            return report
        self._step = len(self._limits)
        if self._stopped:  # no step may follow one that was over a limit
            self._kill()
        return report

    def _report(self, code: int | None, number: int | None, usage: Usage, wall_s: float, *, last: bool) -> StepReport:
        used = usage.cpu_s, wall_s, usage.memory_bytes
        return StepReport(self.id, self._step, code, number, *used, self._stopped, last)

    def _fills_buffers(self, limits: StepLimits) -> bool:
        """Return True if sockets hold more than the memory limit. A cgroup counts only a part of it; the sampled meter
        counts all."""
        if self._new_meter is None:
            return False
        try:
            return self._open_tree().socket_buffer_bytes() > limits.memory_bytes
        except OSError:  # it has just ended
            return False

    def _can_stretch(self, clock: StepClock, now: float) -> bool:
        try:
            return clock.stretch(now, self._open_tree().longest_wait())
        except OSError:  # it has just ended
            return False

    def _open_tree(self) -> ProcessTree:
        if self._tree is None:
            tree = ProcessTree(self.init)
            if channel.is_readable(self.process):  # it has ended, so another process may have its id
                tree.close()
                raise ProcessLookupError(self.init)
            self._tree = tree
        return self._tree

    def _release(self) -> None:
        """Let process 1 end, after its last report has been passed on."""
        self._is_released = True
        self.next_check = time.monotonic() + _END_TIMEOUT
        with contextlib.suppress(OSError):  # it has already ended
            self.channel.shutdown(socket.SHUT_WR)

    def _kill(self) -> None:
        self.next_check = time.monotonic() + _END_TIMEOUT
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process, signal.SIGKILL)

    def _close_descriptors(self) -> None:
        channel.close(self._descriptors)
        self._descriptors = []
