"""One box as the keeper watches it, from `MakeBox` to `BoxGone`."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.meter import Meter
from executor.sandbox.keeper.process_tree import ProcessTree
from executor.sandbox.keeper.protocol import Begin, BoxGone, BoxReady, Lap, LapReport, Report, StepReport
from executor.sandbox.keeper.watched_step import WatchedStep
from executor.sandbox.keeper.words import ASK_UNREAD, StepEnd, Unread

#: Seconds in which the zygote must make a box's first process, and in which the box must be ready. Even a loaded
#: machine needs less.
SPAWN_TIMEOUT, _START_TIMEOUT = 30.0, 120.0
#: Seconds in which the kernel must take down a box whose program has ended, or that was killed.
_END_TIMEOUT = 30.0
#: Seconds before a box is taken down, at least and at most. That takes the kernel as long as the executor needs to
#: answer its client, or as a short program runs that has just been compiled, so these go first. No box waits for longer
#: than it ran, so that there are no more of these boxes than of those that run (`_users` in host.py).
_ANSWER_FIRST, _PROGRAM_FIRST = 0.002, 0.02
_NEVER = float("inf")
#: How many answers process 1 of a judge must give about what the judge has read, the seconds between two looks at the
#: judge, and the most looks at a judge that rests.
_ANSWERS, _LOOK_INTERVAL, _MAX_LOOKS = 4, 0.1, 20
#: When process 1 gets this signal, it sends SIGKILL to its program (init/pid1.c).
_SENDS_KILL = 64
#: SIGSTOP would stop process 1 instead of its program.
_NOT_FORWARDED = (signal.SIGSTOP, _SENDS_KILL)


class WatchedBox:
    """A box, watched through its process 1, which becomes ready, runs the step, and ends.

    `init` and `process` are the id and pidfd of process 1, once the zygote has made it. `is_silent` is set when process
    1 has closed its socket; it ends in a moment, which makes the pidfd readable. `is_stuck` is set if process 1 has not
    ended in time after it was killed: the kernel keeps a process of the box, which runs no more code of a program.

    The box of a judge has that of its program as `_program`, until that has ended, and is taken down after it, because
    its process 1 passes the program's bytes. The program's has the judge's as `_judge`.
    """

    def __init__(self, id_: int, init_channel: socket.socket, meter: Meter | None) -> None:
        self.id = id_
        self.channel = init_channel
        self.init = 0
        self.process = -1
        self.next_check = time.monotonic() + SPAWN_TIMEOUT
        self.is_silent = False
        self.is_stuck = False
        self._step = WatchedStep(id_, meter, self._open_tree)
        self._begin: Begin | None = None
        self._descriptors: list[int] = []
        self._is_ready = False
        self._can_start = False
        self._is_released = False
        self._stopped: str | None = None
        self._stopped_at = 0.0
        self._failure: str | None = None
        self._judge: WatchedBox | None = None
        self._program: WatchedBox | None = None
        self._is_late = False
        self._looks = 0
        self._is_asked = False
        self._answers: list[Unread] = []

    def spawned(self, init: int, process: int) -> None:
        """Take process 1, which the zygote has made."""
        self.init, self.process = init, process
        self.next_check = time.monotonic() + _START_TIMEOUT
        if self._stopped:
            self._kill()
        self._start_if_possible()

    def begin(self, begin: Begin, descriptors: list[int]) -> None:
        """Start the step, now or as soon as the box is ready. Closes the descriptors."""
        self._begin, self._descriptors = begin, descriptors
        self._start_if_possible()

    def talk_with(self, judge: "WatchedBox") -> None:
        """Begin together with the box of a judge."""
        self._judge, judge._program = judge, self
        self._step.judge = judge._step

    def begin_lap(self, lap: Lap) -> LapReport:
        """Let the limits of a lap count from now on, and return the report."""
        cpu_s = self._step.begin_lap(lap.cpu_s, lap.wall_s)
        if self._runs:
            self.next_check = self._step.next_check
        return LapReport(self.id, cpu_s)

    def read_reports(self) -> Iterator[Report]:
        """Read what process 1 has sent, and yield the reports for the executor."""
        while packet := channel.try_receive(self.channel):
            kind, _, rest = packet.decode(errors="replace").partition(" ")
            if kind == "ready":
                self._is_ready = True
                self._step.open_meter()
                yield BoxReady(self.id)
                self._start_if_possible()
            elif kind == "step":
                yield self._end_step(StepEnd.parse(rest))
            elif kind == "unread":
                self._is_asked = False
                self._answers.append(Unread.parse(rest))
            else:
                self._failure = rest  # it counts more than what the keeper has found, which may follow from it
        self.is_silent = packet is not None

    def check_limits(self) -> None:
        """Stop the box if its step is over a limit, or if it is late to be ready or to end. Release it at the end."""
        if self._stopped:
            self.fail(f"its processes did not end within {_END_TIMEOUT:g} s of being killed")
            self.is_stuck = True
        elif not self._is_ready:
            self.fail(f"the box was not ready within {_START_TIMEOUT:g} s")
            self.stop("killed")
        elif self._step.is_running:
            limit = self._step.exceeded_limit(lambda: channel.is_readable(self.channel.fileno()))
            self.next_check = self._step.next_check
            self._is_late = limit == "wall"
            judge = self._judge if self._is_late and self._judge and self._judge._runs else None
            reason = judge._why_silent() if judge else None
            if judge and reason is None:
                self.next_check = time.monotonic() + _LOOK_INTERVAL
            elif limit:
                if judge and reason:
                    judge._stop_with_program(reason)
                self.stop(limit)
        elif self._is_released:
            self.stop("killed")
        else:  # the report has been sent
            self._release()

    def has_just_used_slice(self) -> bool:
        """Return True once: when the step goes on after its slice. The step of a judge has none of its own."""
        return self._program is None and self._runs and self._step.has_just_used_slice()

    def give_way(self) -> None:
        """Run the step in the background from now on, with that of its judge."""
        self._step.give_way()
        if self._judge:
            self._judge._step.give_way()

    def stop(self, reason: str) -> None:
        """End everything in the box. The first reason counts."""
        if self._stopped:
            return
        self._stopped, self._stopped_at = reason, time.monotonic()
        if self.process >= 0:
            self._kill()

    def signal(self, number: int) -> None:
        """Send a signal to the program that runs, by way of process 1 (`forward` in init/pid1.c)."""
        if self._step.is_running and not self._stopped and number not in _NOT_FORWARDED:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.process, _SENDS_KILL if number == signal.SIGKILL else number)

    def fail(self, reason: str) -> None:
        """Record why the box failed. The first reason counts."""
        self._failure = self._failure or reason

    def close(self) -> Iterator[Report]:
        """Yield the remaining reports and release everything. Process 1 has ended, is stuck, or was never made."""
        yield from self.read_reports()
        if self._step.is_running and not self._failure:
            if self._step.is_starved():
                self.stop("memory")
            if self._stopped:
                yield self._step.report_killed(self._stopped, self._stopped_at)
            else:
                self._failure = "process 1 of the box ended before its program"
        elif not self._step.has_begun and not self._failure and not self._stopped:
            self._failure = "process 1 of the box ended before it began"
        if self._judge:
            self._judge._go_on_alone()
        self._step.close()
        self._close_descriptors()
        self.channel.close()
        if self.process >= 0:
            os.close(self.process)
        yield BoxGone(self.id, self._failure)

    def _start_if_possible(self) -> None:
        # Process 1 may report that it is ready before the zygote reports its process id.
        if self._is_ready and self.process >= 0 and not self._stopped:
            self.next_check = _NEVER
            self._can_start = self._begin is not None
            other = self._judge or self._program
            if self._begin and self._begin.judge is None:
                self._start(self._begin)
            elif self._begin and other and other._can_start and other._begin:
                other._start(other._begin)
                self._start(self._begin)

    def _start(self, begin: Begin) -> None:
        try:
            self._step.begin(begin.limits, is_judge=begin.judge == self.id)
            self.next_check = self._step.next_check
            channel.send(self.channel, begin.words, self._descriptors)
        except (OSError, ValueError) as exc:
            self.fail(f"the box could not begin: {exc}")
            self.stop("killed")
        finally:
            self._close_descriptors()

    def _end_step(self, end: StepEnd) -> StepReport:
        report = self._step.end(end, self._stopped or ("wall" if self._is_late else None))
        self._stopped = report.stopped
        rest_s = min(max(end.wall_s, _ANSWER_FIRST), _PROGRAM_FIRST)
        self.next_check = time.monotonic() + rest_s if self._program is None else _NEVER
        if self._stopped:
            self._kill()
        if self._judge:
            self._judge._go_on_alone()
        return report

    def _go_on_alone(self) -> None:
        """Give the judge the time to end, or take its box down, after its program has ended."""
        if self._program and self._step.has_begun:
            if self._step.is_running:
                self._step.resume_clock()
                if self._stopped:
                    self._kill()
            if not self._stopped:
                self.next_check = time.monotonic() + _ANSWER_FIRST
        self._program = None

    def _stop_with_program(self, reason: str) -> None:
        """End everything as soon as the program has ended. Until then process 1 stands still, so that it tells neither
        side that the other has gone."""
        self._stopped, self._stopped_at = reason, time.monotonic()
        self.next_check = self._stopped_at + _END_TIMEOUT
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process, signal.SIGSTOP)

    @property
    def _runs(self) -> bool:
        return self._step.is_running and self._stopped is None

    def _why_silent(self) -> str | None:
        """Return whether the judge hangs or waits for a program at its wall limit; None if it is too early to say."""
        if self._step.is_runnable():  # it does something, or will when the machine lets it
            self._answers.clear()
            return None
        if channel.is_readable(self.channel.fileno()):  # it may have ended
            return None
        if len(self._answers) < _ANSWERS and self._looks < _MAX_LOOKS:
            self._looks += 1
            # Answers that come together, after the machine has let process 1 wait, are about one moment.
            if not self._is_asked:
                self._is_asked = True
                with contextlib.suppress(OSError):  # it has just ended
                    channel.send(self.channel, ASK_UNREAD)
            return None
        rests = len(self._answers) >= _ANSWERS and len({answer.read for answer in self._answers}) == 1
        could_go_on = all(answer.unread > 0 and not answer.is_full for answer in self._answers)
        return "hang" if rests and could_go_on else "deadlock"

    def _open_tree(self) -> ProcessTree:
        tree = ProcessTree(self.init)
        if channel.is_readable(self.process):  # it has ended, so another process may have its id
            tree.close()
            raise ProcessLookupError(self.init)
        return tree

    def _release(self) -> None:
        """Let process 1 end, after its report has been passed on."""
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
