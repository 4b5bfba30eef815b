"""What a step reads and writes: the ends for the program, and what became of ours."""

import os
from collections.abc import Callable

from executor.sandbox.base import Step
from executor.sandbox.keeper.protocol import StepOrder
from executor.sandbox.streams.capture import Capture
from executor.sandbox.streams.sealed import Promised, read_only


class Descriptors:
    """Those that go along with one packet; the packet counts them."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def give(self, descriptor: int) -> int:
        self.given.append(descriptor)
        return len(self.given) - 1

    def close(self) -> None:
        """Where there is no packet for them."""
        for descriptor in self.given:
            os.close(descriptor)


class Streams:
    """Of one step. `stop` ends the program when it has written too much."""

    def __init__(self, step: Step, stop: Callable[[], None]) -> None:
        self._step = step
        on_overflow = stop if step.stop_on_overflow else None
        self._stdout = Capture(step.output_bytes, on_overflow)
        self._stderr = self._stdout if step.merge_output else Capture(step.output_bytes, on_overflow)
        self._promised: Promised | None = None

    def order(self, descriptors: Descriptors) -> StepOrder:
        """For a step whose input is known, or is a conversation."""
        given = self._step.stdin
        if isinstance(given, bytes):
            return self._order(descriptors, descriptors.give(read_only(given)) if given else -1)
        return self._order(descriptors, descriptors.give(os.dup(given.fileno())))

    def order_before_input(self, descriptors: Descriptors) -> StepOrder:
        """For a program that is started before its input is known: `fulfil` tells."""
        self._promised = Promised()
        return self._order(descriptors, descriptors.give(self._promised.reader()))

    def fulfil(self, stdin: bytes) -> None:
        assert self._promised
        self._promised.fulfil(stdin)

    def finish(self) -> tuple[bytes, bytes, bool]:
        """Standard output, standard error, and whether there was more, once no program is left to write."""
        output = self._stdout.finish()
        errors = b"" if self._step.merge_output else self._stderr.finish()
        return output, errors, self._stdout.truncated or self._stderr.truncated

    def close(self) -> None:
        self._stdout.close()
        self._stderr.close()
        if self._promised:
            self._promised.close()

    def _order(self, descriptors: Descriptors, stdin: int) -> StepOrder:
        step = self._step
        stdout = descriptors.give(self._stdout.take_writer())
        stderr = stdout if step.merge_output else descriptors.give(self._stderr.take_writer())
        return StepOrder(step.argv, step.environment, step.limits, stdin, stdout, stderr, step.shortcut)
