"""The pipes between a program and a judge in another box."""

import contextlib
import os
from collections.abc import Iterator

from executor.sandbox.base import Pipes, SandboxFailure


@contextlib.contextmanager
def crossed_pipes(judge: int) -> Iterator[tuple[Pipes, Pipes]]:
    """Yield the descriptors of a program and of its judge's box. Those that no box has got are closed at the end."""
    with contextlib.ExitStack() as opened:
        try:
            pipes = []
            for _ in range(4):
                pipes.append(os.pipe2(os.O_CLOEXEC))
                for end in pipes[-1]:
                    opened.callback(os.close, end)
        except OSError as exc:
            raise SandboxFailure(f"there are no pipes between program and judge: {exc.strerror}") from exc
        opened.pop_all()
        to_program, from_program, to_judge, from_judge = pipes
        of_program = Pipes([to_program[0], from_program[1]], judge)
        relayed = [from_program[0], to_judge[1], from_judge[0], to_program[1]]
        of_judge = Pipes([to_judge[0], from_judge[1], *relayed], judge)
        try:
            yield of_program, of_judge
        finally:
            for descriptor in [*of_program.take(), *of_judge.take()]:
                os.close(descriptor)
