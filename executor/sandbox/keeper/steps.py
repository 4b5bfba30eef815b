"""The steps of one box: which one runs, what it uses, and which limit it exceeds."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator

from executor.sandbox.keeper.meter import Meter, ResourceUsage
from executor.sandbox.keeper.process_tree import ProcessTree
from executor.sandbox.keeper.protocol import StepLimits, StepReport
from executor.sandbox.keeper.sampled_meter import SampledMeter
from executor.sandbox.keeper.step_clock import StepClock
from executor.sandbox.keeper.words import StepEnd

#: Seconds of a step before its wait for a processor is first read. That is read again when the step has taken so many
#: times longer.
_FIRST_WAIT_S, _LATER = 0.05, 1.1

NewMeter = Callable[[int, StepLimits], Meter]


class Steps:
    """Measures the steps, one after the other, and compares them with their limits.

    `new_meter` makes the cgroups of a further step; it is None if /proc is sampled instead. `open_tree` is called when
    the box's processes are first read. `next_check` is when `exceeded_limit` is due.
    """

    def __init__(
        self, box: int, first_meter: Meter | None, new_meter: NewMeter | None, open_tree: Callable[[], ProcessTree]
    ) -> None:
        self.next_check = 0.0
        self._box = box
        self._meters = [first_meter] if first_meter else []
        self._new_meter = new_meter
        self._open_tree = open_tree
        self._tree: ProcessTree | None = None
        self._limits: tuple[StepLimits, ...] = ()
        self._index = 0
        self._clock: StepClock | None = None
        self._last_sample = ResourceUsage(0.0, 0)
        self._judge: Steps | None = None
        self._is_judge = False
        self._waited_s = self._next_wait_s = 0.0

    @property
    def have_begun(self) -> bool:
        return self._clock is not None

    @property
    def is_running(self) -> bool:
        """True from the start of the first step until the last report."""
        return self._clock is not None and self._index < len(self._limits)

    def open_meters(self) -> None:
        """Sample once, so that the meters' files are open before the program runs."""
        for meter in self._meters:
            meter.sample()

    def begin(self, limits: tuple[StepLimits, ...], *, is_judge: bool = False) -> None:
        """Start the clock of the first step. That of a judge is paused while its program runs."""
        self._limits = limits
        self._is_judge = is_judge
        self._start_clock(is_paused=is_judge)

    def stand_still_during(self, judge: "Steps") -> None:
        """Let the wall limit not count the time in which only the judge computes or waits for a processor."""
        self._judge = judge

    def resume_clock(self) -> None:
        """Let the wall limit count from now on."""
        assert self._clock
        self._clock.resume()

    def prepare_further(self) -> Iterator[list[int]]:
        """Make the cgroups of each further step, and yield the descriptors by which its process joins them; [] if /proc
        is sampled."""
        for index, limits in enumerate(self._limits[1:], start=1):
            if self._new_meter:
                self._meters.append(self._new_meter(index, limits))
            yield self._meters[index].joins() if self._new_meter else []

    def exceeded_limit(self, has_ended: Callable[[], bool]) -> str | None:
        """Sample the running step, and return the limit that it exceeds: cpu, wall or memory.

        `has_ended` returns True if process 1 has reported the step's end. Then the sample may be of the next step.
        """
        clock = self._clock
        assert clock
        now, cpu_before = time.monotonic(), time.thread_time()
        usage = self._meters[self._index].sample()
        self.next_check = clock.soonest_check(now)
        if has_ended():
            return None
        self._last_sample = usage
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
        """Return the report of a step, and start the clock of the next one unless this one is the last.

        `stopped` is why the box is being killed, or None.
        """
        meter = self._meters[self._index]
        is_last = end.exit_code != 0 or self._index + 1 == len(self._limits)
        reported = ResourceUsage(end.cpu_s, end.resident_bytes)
        usage = meter.conclude(reported, end.start_s, None if is_last else self._last_sample)
        if usage.exhausted or (end.signal == signal.SIGKILL and meter.is_starved()):
            stopped = stopped or "memory"
        elif usage.cpu_s > self._limits[self._index].cpu_s:
            stopped = stopped or "cpu"
        is_last = is_last or stopped is not None
        self._last_sample = usage
        report = self._report(end, usage, stopped, last=is_last)
        if is_last:
            self._index = len(self._limits)
        else:
            self._index += 1
            self._start_clock()
        return report

    def is_starved(self) -> bool:
        """Return True if the kernel has killed the running step because memory ran out."""
        with contextlib.suppress(OSError):
            return self._meters[self._index].is_starved()
        return False

    def report_killed(self, stopped: str, stopped_at: float) -> StepReport:
        """Return the report of the running step after process 1 was killed with it."""
        assert self._clock
        with contextlib.suppress(OSError):
            self._last_sample = self._meters[self._index].sample()
        wall_s = time.monotonic() - self._clock.started
        end = StepEnd(self._index, None, signal.SIGKILL, 0.0, 0.0, wall_s, 0, stopped_at)
        return self._report(end, self._last_sample, stopped, last=True)

    def close(self) -> None:
        self._index = len(self._limits)  # no step runs, so nobody samples what is closed here
        for meter in self._meters:
            meter.close()
        if self._tree:
            self._tree.close()

    def _start_clock(self, *, is_paused: bool = False) -> None:
        limits = self._limits[self._index]
        if self._new_meter is None:
            self._meters.append(SampledMeter(self._processes()))
        self._meters[self._index].begin(limits, waited=self._index == 0)
        self._last_sample = ResourceUsage(0.0, 0)
        self._waited_s, self._next_wait_s = 0.0, _FIRST_WAIT_S
        self._clock = StepClock(limits, is_sampled=self._new_meter is None, is_paused=is_paused)
        self.next_check = self._clock.first_check

    def _report(self, end: StepEnd, usage: ResourceUsage, stopped: str | None, *, last: bool) -> StepReport:
        wall_s = end.wall_s
        if self._judge:  # the elapsed time of the program, by the clock of its limit
            wall_s = max(wall_s - self._judge.busy_s(), min(usage.cpu_s, wall_s))
        used = usage.cpu_s, wall_s, self._waited_s, usage.memory_bytes
        return StepReport(self._box, self._index, end.exit_code, end.signal, *used, stopped, end.ended_at, last)

    def _fills_buffers(self, limits: StepLimits) -> bool:
        """Return True if sockets hold more than the memory limit. A cgroup counts only a part of their buffers; the
        sampled meter counts them all."""
        if self._new_meter:
            with contextlib.suppress(OSError):  # it has just ended
                return self._processes().kernel.socket_buffer_bytes() > limits.memory_bytes
        return False

    def _can_stretch(self, clock: StepClock, now: float) -> bool:
        judge_s, cpu_s = (self._judge.busy_s(), self._last_sample.cpu_s) if self._judge else (0.0, 0.0)
        self._note_wait()
        return clock.stretch(now, self._waited_s, judge_s, cpu_s)

    def busy_s(self) -> float:
        """Return the seconds in which a judge has computed or has waited for a processor, or process 1 has, which
        passes the bytes."""
        cpu_s = self._last_sample.cpu_s
        if self.is_running:
            with contextlib.suppress(OSError):  # it has just ended
                cpu_s = self._meters[self._index].sample().cpu_s
            self._note_wait()
        return cpu_s + self._waited_s

    def _note_wait(self) -> None:
        """Note how long the step has waited for a processor so far, and process 1 of a judge, which passes the bytes.
        The kernel forgets it when a process ends."""
        with contextlib.suppress(OSError):  # it has just ended
            tree = self._processes()
            of_relay = tree.wait_of(1) if self._is_judge else 0.0
            self._waited_s = max(self._waited_s, tree.longest_wait() + of_relay)

    def _processes(self) -> ProcessTree:
        if self._tree is None:
            self._tree = self._open_tree()
        return self._tree
