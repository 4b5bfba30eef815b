"""The streams of a step: the program's ends go into its `StepOrder`, and the output is read from ours."""

import os
from collections.abc import Callable

from executor.sandbox.base import Step
from executor.sandbox.keeper.protocol import StepOrder
from executor.sandbox.streams.capture import Capture
from executor.sandbox.streams.sealed import DeferredFile, sealed_file


class Descriptors:
    """The descriptors that are attached to one packet. The packet refers to them by index."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def add(self, descriptor: int) -> int:
        """Return the index of a descriptor, which is closed when the packet is sent."""
        self.numbers.append(descriptor)
        return len(self.numbers) - 1

    def close(self) -> None:
        """Close all. Call it only if the packet is not sent."""
        for descriptor in self.numbers:
            os.close(descriptor)


class Streams:
    """The streams of one step. `stop` is called if the program writes too much."""

    def __init__(self, step: Step, stop: Callable[[], None]) -> None:
        self._step = step
        on_overflow = stop if step.stop_on_overflow else None
        self._stdout = Capture(step.output_bytes, on_overflow)
        self._stderr = self._stdout if step.merge_output else Capture(step.output_bytes, on_overflow)
        self._input: DeferredFile | None = None

    def order(self, descriptors: Descriptors) -> StepOrder:
        """Return the order for a step whose input is known, or is a socket."""
        stdin = self._step.stdin
        if isinstance(stdin, bytes):
            return self._order(descriptors, descriptors.add(sealed_file(stdin)) if stdin else -1)
        return self._order(descriptors, descriptors.add(os.dup(stdin.fileno())))

    def order_before_input(self, descriptors: Descriptors) -> StepOrder:
        """Return the order for a program that starts before its input is known. `set_input` follows."""
        self._input = DeferredFile()
        return self._order(descriptors, descriptors.add(self._input.reader()))

    def set_input(self, stdin: bytes) -> None:
        assert self._input
        self._input.set_content(stdin)

    def finish(self) -> tuple[bytes, bytes, tuple[str, ...]]:
        """Return standard output, standard error and the names of those that were cut, after all writers have ended."""
        output = self._stdout.finish()
        errors = b"" if self._step.merge_output else self._stderr.finish()
        streams = {"stdout": self._stdout, "stderr": self._stderr}
        return output, errors, tuple(name for name, stream in streams.items() if stream.truncated)

    def close(self) -> None:
        self._stdout.close()
        self._stderr.close()
        if self._input:
            self._input.close()

    def _order(self, descriptors: Descriptors, stdin: int) -> StepOrder:
        step = self._step
        stdout = descriptors.add(self._stdout.take_writer())
        stderr = stdout if step.merge_output else descriptors.add(self._stderr.take_writer())
        return StepOrder(step.argv, step.environment, step.limits, stdin, stdout, stderr, step.shortcut)
