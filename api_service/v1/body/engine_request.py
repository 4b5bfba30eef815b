"""Writes the engine's request for a program that is run without being stored, and has it run."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from api_service.v1.body.rules import SubmissionCheck
from api_service.v1.reads.transient_run import TransientResult
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.job_program import JobProgram
from shared.records.resources.models import Test

#: Seconds within which the engine must begin to run a program.
_WAIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class TransientProgram:
    """A program: the engine's `request` for it, and its `result`."""

    request: bytes
    result: TransientResult


def transient_program(submission: SubmissionCheck, *, live_output: bool = False) -> TransientProgram:
    """Return what the engine runs for a submission that is not stored, just as the runner would.

    With `live_output`, the engine tells what a program without tests writes while it runs.
    """
    body, source, tests = submission.body, submission.program, submission.tests
    assert source.engine_language
    program = JobProgram.of(
        source.engine_language.code,
        source.entry,
        submission.spec(live_output=live_output),
        tests=tests,
        stdin=body.stdin or "",
        expected_output=body.expected_output,
    )
    request = program.request(source.files, {name: judge.files for name, judge in submission.judges.items()})
    return TransientProgram(request, TransientResult(tests, is_interactive=program.is_interactive))


class RunEvents(Protocol):
    """Runs a program, and yields its events."""

    def __call__(self, program: bytes, *, wait_s: float) -> AsyncGenerator[RunEvent]: ...


async def events_of(run: RunEvents, program: TransientProgram) -> AsyncGenerator[tuple[RunEvent, Test | None]]:
    """Run a program, and yield each event, which its result has taken, with the test that it has ended."""
    async with aclosing(run(program.request, wait_s=_WAIT_S)) as events:
        async for event in events:
            yield event, program.result.add(event)
