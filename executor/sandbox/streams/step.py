"""The streams of a step: the program gets its ends of them, and the output is read from ours."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from functools import partial
from typing import Final

from executor.sandbox.base import Step
from executor.sandbox.streams.capture import Capture
from shared.engine_api.run_call.events import MAX_TURNS, OutputStream

#: A program cannot change its source and its input.
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
#: Bytes that are copied into a sealed file, or read from one, without a thread.
SMALL: Final = 1 << 20


_STREAMS: Final[tuple[OutputStream, ...]] = ("stdout", "stderr")


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


class StepStreams:
    """The streams of one step. `stop` is called if the program writes too much."""

    def __init__(self, step: Step, stop: Callable[[], None]) -> None:
        self._step = step
        on_overflow = stop if step.stop_on_overflow else None
        #: The bytes of both outputs that came by turns, standard output first. Empty unless the step asks for it.
        self.turns = [0] if step.report_order else []
        stdout, stderr = (partial(self._take, stream) if self.turns or step.on_output else None for stream in _STREAMS)
        self._stdout = Capture(step.output_bytes, on_overflow, stdout, step.kept_bytes)
        try:
            self._stderr = (
                self._stdout if step.merge_output else Capture(step.output_bytes, on_overflow, stderr, step.kept_bytes)
            )
        except OSError:
            self._stdout.close()
            raise

    def _take(self, stream: OutputStream, block: bytes) -> None:
        if self.turns and _STREAMS[(len(self.turns) - 1) % 2] == stream:
            self.turns[-1] += len(block)
        elif 0 < len(self.turns) < MAX_TURNS:
            self.turns.append(len(block))
        if self._step.on_output:
            self._step.on_output(stream, block)

    async def attach(self, descriptors: Descriptors) -> tuple[int, int, int]:
        """Add the program's ends of its streams, and return their indexes: standard input (or -1), output, error."""
        step = self._step
        if wires := step.wires:
            stdin, stdout, stderr = (descriptors.add(os.dup(end)) for end in (wires.stdin, wires.stdout, wires.stderr))
        elif step.pipes:
            stdin, stdout, *_ = map(descriptors.add, step.pipes.take())
            stderr = self._errors(descriptors)
        else:
            if not isinstance(step.stdin, bytes):
                stdin = descriptors.add(os.dup(step.stdin.fileno()))
            else:
                stdin = descriptors.add(await seal(step.stdin)) if step.stdin else -1
            stdout = descriptors.add(self._stdout.take_writer())
            stderr = stdout if step.merge_output else self._errors(descriptors)
        return stdin, stdout, stderr

    def _errors(self, descriptors: Descriptors) -> int:
        report = self._step.report
        return descriptors.add(os.dup(report.fileno()) if report else self._stderr.take_writer())

    def finish(self) -> tuple[bytes, bytes, tuple[str, ...]]:
        """Return standard output, standard error and the names of those that were cut, after all writers have ended."""
        output = self._stdout.finish()
        errors = b"" if self._step.merge_output else self._stderr.finish()
        streams = {"stdout": self._stdout, "stderr": self._stderr}
        return output, errors, tuple(name for name, stream in streams.items() if stream.truncated)

    @property
    def written(self) -> int:
        """The bytes of both outputs, each up to its limit."""
        return self._stdout.written + (0 if self._step.merge_output else self._stderr.written)

    def close(self) -> None:
        self._stdout.close()
        self._stderr.close()


async def seal(*contents: bytes) -> int:
    """Return what `sealed_file` does. Large contents are copied in a thread."""
    if sum(map(len, contents)) <= SMALL:
        return sealed_file(*contents)
    copying = asyncio.get_running_loop().run_in_executor(None, sealed_file, *contents)
    try:
        return await asyncio.shield(copying)
    except asyncio.CancelledError:
        copying.add_done_callback(_close)
        raise


def sealed_file(*contents: bytes) -> int:
    """Return a descriptor at the start of a sealed file in memory (memfd_create(2)), which has the contents one after
    the other. The caller closes it."""
    descriptor = os.memfd_create("content", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for content in contents:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _close(copying: asyncio.Future[int]) -> None:
    if copying.exception() is None:
        os.close(copying.result())
