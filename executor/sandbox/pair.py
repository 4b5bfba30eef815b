"""Runs a program and a judge that talks with it, each in a box of its own."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace

from executor.sandbox.base import Job, JudgeJob, Pipes, SandboxFailure, StepResult
from executor.sandbox.box import Box


async def run_pair(program: Box, judge: Box, job: Job, judging: JudgeJob) -> list[StepResult]:
    """Run the job and its judge's, and return how the program and the judge ended.

    If this is cancelled or raises `SandboxFailure`, every process of both boxes is dead.
    """
    with _crossed_pipes(judge.id) as (of_program, of_judge):
        tasks = [
            asyncio.create_task(program.run(_talking(job, of_program))),
            asyncio.create_task(_judge(judge, _talking(judging.job, of_judge), judging.accepting, program)),
        ]
        try:
            return [results[-1] for results in await asyncio.gather(*tasks)]
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise


async def _judge(box: Box, job: Job, accepting: frozenset[int], program: Box) -> list[StepResult]:
    """Run the judge, and end the program if the judge does not accept."""
    results = await box.run(job)
    if results[-1].stopped is not None or results[-1].exit_code not in accepting:
        program.kill()
    return results


def _talking(job: Job, pipes: Pipes) -> Job:
    (step,) = job.steps
    return replace(job, steps=(replace(step, pipes=pipes, merge_output=False),))


@contextlib.contextmanager
def _crossed_pipes(judge: int) -> Iterator[tuple[Pipes, Pipes]]:
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
