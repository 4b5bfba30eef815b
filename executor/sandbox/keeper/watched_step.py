"""The step of one box: what it uses, and which limit it exceeds."""

import contextlib
import signal
import time
from collections.abc import Callable

from executor.sandbox.keeper.meter import Meter, ResourceUsage
from executor.sandbox.keeper.process_tree import ProcessTree
from executor.sandbox.keeper.protocol import SLICE_S, StepLimits, StepReport
from executor.sandbox.keeper.sampled_meter import SampledMeter
from executor.sandbox.keeper.step_clock import StepClock
from executor.sandbox.keeper.words import StepEnd

#: Seconds of a step before its wait for a processor is first read. That is read again when the step has taken so many
#: times longer.
_FIRST_WAIT_S, _LATER = 0.05, 1.1


class WatchedStep:
    """Measures the step, and compares it with its limits.

    `meter` reads the cgroups that were made for it; without them, /proc is sampled. `open_tree` is called when the
    box's processes are first read. `next_check` is when `exceeded_limit` is due.
    """

    def __init__(self, box: int, meter: Meter | None, open_tree: Callable[[], ProcessTree]) -> None:
        self.next_check = 0.0
        self.is_running = False
        self._box = box
        self._is_sampled = meter is None
        self._meter = meter
        self._open_tree = open_tree
        self._tree: ProcessTree | None = None
        self._clock: StepClock | None = None
        self._last_sample = ResourceUsage(0.0, 0)
        #: The wall limit does not count the time in which only the judge computes or waits for a processor.
        self.judge: WatchedStep | None = None
        self._is_judge = False
        self._waited_s, self._next_wait_s = 0.0, _FIRST_WAIT_S
        self._has_used_slice = False
        #: In the background, when and with how much CPU time the step was last seen.
        self._seen: tuple[float, float] | None = None
        #: What it, the time it waited, and its judge had used when its lap began.
        self._before = (0.0, 0.0, 0.0)

    @property
    def has_begun(self) -> bool:
        return self._clock is not None

    def open_meter(self) -> None:
        """Sample once, so that the meter's files are open before the program runs."""
        if self._meter:
            self._meter.sample()

    def begin(self, limits: StepLimits, *, is_judge: bool = False) -> None:
        """Start the clock. That of a judge is paused while its program runs."""
        self._is_judge = is_judge
        if self._meter is None:
            self._meter = SampledMeter(self._processes())
        self._meter.begin(limits)
        self._clock = StepClock(limits, is_sampled=self._is_sampled, is_paused=is_judge)
        self.next_check = self._clock.soonest_check(self._clock.started)
        self.is_running = True
        if limits.background:
            self.give_way()

    def resume_clock(self) -> None:
        """Let the wall limit count from now on."""
        assert self._clock
        self._clock.resume()

    def has_just_used_slice(self) -> bool:
        """Return True once: when the step and its judge have used a slice of CPU time."""
        cpu_s = self._last_sample.cpu_s + (self.judge._last_sample.cpu_s if self.judge else 0.0)
        has_just = self.is_running and not self._has_used_slice and cpu_s > SLICE_S
        self._has_used_slice |= has_just
        return has_just

    def give_way(self) -> None:
        """Give the step a tenth of the weight, and count no time in which it waits for a processor."""
        if self.is_running and self._seen is None and self._meter and self._clock:
            self._clock.has_patience = True
            self._seen = time.monotonic(), self._last_sample.cpu_s
            if not self._meter.give_way():
                self._processes().give_way()

    def begin_lap(self, cpu_s: float, wall_s: float) -> float:
        """Let these limits count from now on, if the step runs. Return the CPU time that it has used in all."""
        if self.is_running:
            assert self._clock
            self._sample_again()
            self._note_wait()
            used_s = self._last_sample.cpu_s
            self._before = (used_s, self._waited_s, self.judge.busy_s() if self.judge else 0.0)
            self._clock.begin_lap(used_s + cpu_s, wall_s)
            self.next_check = self._clock.soonest_check(time.monotonic())
        return self._last_sample.cpu_s

    def exceeded_limit(self, has_ended: Callable[[], bool]) -> str | None:
        """Sample the step, and return the limit that it exceeds: cpu, wall or memory.

        `has_ended` returns True if process 1 has reported the step's end.
        """
        clock = self._clock
        assert clock
        assert self._meter
        now, cpu_before = time.monotonic(), time.thread_time()
        usage = self._meter.sample()
        self.next_check = clock.soonest_check(now)
        if has_ended():
            return None
        self._last_sample = usage
        if self._seen:
            self._note_starvation(self._seen, now)
        if self._is_judge or now - clock.started >= self._next_wait_s:
            self._note_wait()
            self._next_wait_s = (now - clock.started) * _LATER
        if usage.exhausted or self._fills_buffers(clock.limits):
            return "memory"
        if usage.cpu_s > clock.limits.cpu_s:
            return "cpu"
        if clock.has_expired(now) and not self._can_stretch(clock, now):
            return "wall"
        # Sampling many processes takes long; the keeper must not spend all its time on it.
        self.next_check = clock.next_check(now, usage.cpu_s, time.thread_time() - cpu_before)
        return None

    def is_runnable(self) -> bool:
        """Return True if a thread of the box has a processor, or waits for one."""
        with contextlib.suppress(OSError):  # it has just ended
            return self._processes().is_runnable()
        return False

    def end(self, end: StepEnd, stopped: str | None) -> StepReport:
        """Return the report of the step. `stopped` is why the box is being killed, or None."""
        assert self._clock
        assert self._meter
        usage = self._meter.conclude(ResourceUsage(end.cpu_s, end.resident_bytes))
        if usage.exhausted or (end.signal == signal.SIGKILL and self._meter.is_starved()):
            stopped = stopped or "memory"
        elif usage.cpu_s > self._clock.limits.cpu_s:
            stopped = stopped or "cpu"
        self._last_sample = usage
        self.is_running = False
        return self._report(end, usage, stopped)

    def is_starved(self) -> bool:
        """Return True if the kernel has killed the step because memory ran out."""
        with contextlib.suppress(OSError):
            return self._meter is not None and self._meter.is_starved()
        return False

    def report_killed(self, stopped: str, stopped_at: float) -> StepReport:
        """Return the report of the step after process 1 was killed with it."""
        assert self._clock
        self._sample_again()
        wall_s = time.monotonic() - self._clock.started
        end = StepEnd(None, signal.SIGKILL, 0.0, wall_s, 0, stopped_at)
        return self._report(end, self._last_sample, stopped)

    def close(self) -> None:
        self.is_running = False  # so nobody samples what is closed here
        if self._meter:
            self._meter.close()
        if self._tree:
            self._tree.close()

    def _sample_again(self) -> None:
        with contextlib.suppress(OSError):  # it has just ended
            if self._meter:
                self._last_sample = self._meter.sample()

    def _report(self, end: StepEnd, usage: ResourceUsage, stopped: str | None) -> StepReport:
        wall_s = end.wall_s
        if self.judge:  # the elapsed time of the program, by the clock of its limit
            wall_s = max(wall_s - self.judge.busy_s(), min(usage.cpu_s, wall_s))
        used = usage.cpu_s, wall_s, self._waited_s, usage.memory_bytes
        return StepReport(self._box, end.exit_code, end.signal, *used, stopped, end.ended_at)

    def _fills_buffers(self, limits: StepLimits) -> bool:
        """Return True if sockets hold more than the memory limit. A cgroup counts only a part of their buffers; the
        sampled meter counts them all."""
        if not self._is_sampled:
            with contextlib.suppress(OSError):  # it has just ended
                return self._processes().kernel.socket_buffer_bytes() > limits.memory_bytes
        return False

    def _can_stretch(self, clock: StepClock, now: float) -> bool:
        judge_s, cpu_s = (self.judge.busy_s(), self._last_sample.cpu_s) if self.judge else (0.0, 0.0)
        self._note_wait()
        cpu_before, waited_before, judge_before = self._before
        waited_s = self._waited_s - waited_before
        return clock.stretch(now, waited_s, max(judge_s - judge_before, 0.0), max(cpu_s - cpu_before, 0.0))

    def busy_s(self) -> float:
        """Return the seconds that a judge or its relay (process 1) computed or waited for a processor."""
        if self.is_running:
            self._sample_again()
            self._note_wait()
        return self._last_sample.cpu_s + self._waited_s

    def _note_wait(self) -> None:
        """Note how long the step has waited for a processor so far, and process 1 of a judge, which passes the bytes.
        The kernel forgets it when a process ends."""
        with contextlib.suppress(OSError):  # it has just ended
            tree = self._processes()
            of_relay = tree.wait_of(1) if self._is_judge else 0.0
            self._waited_s = max(self._waited_s, tree.max_wait() + of_relay)

    def _note_starvation(self, seen: tuple[float, float], now: float) -> None:
        """Note that the step has waited since it was last seen, but for its CPU time, if it waits or computes now. In
        the background it waits often, and what its short-lived processes have waited is not to be read."""
        self._seen = now, self._last_sample.cpu_s
        if self.is_runnable():
            self._waited_s += max(now - seen[0] - (self._last_sample.cpu_s - seen[1]), 0.0)

    def _processes(self) -> ProcessTree:
        if self._tree is None:
            self._tree = self._open_tree()
        return self._tree
