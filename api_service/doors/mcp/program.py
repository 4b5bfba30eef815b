"""Runs the program of a call as a transient run."""

from contextlib import aclosing
from typing import Any, Final

from api_service.access.auth import Principal
from api_service.doors.mcp.server import OnTest
from api_service.transient.runs import TransientRuns
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.engine_request import TransientProgram, transient_program
from api_service.v1.body.rules import validate_submission
from api_service.v1.protocol.threads import run_in_thread
from api_service.v1.reads.transient_run import TransientResult

#: Seconds within which an engine must begin to run it.
_WAIT_FOR_ENGINE_S: Final = 10.0


async def run_program(
    runs: TransientRuns, principal: Principal, content: dict[str, Any], constraints: Constraints, on_test: OnTest
) -> dict[str, Any]:
    """Run the program of a submission's content, and return its run as API v1 shows it. Raises `ApiError`."""
    # In a thread, because a body may be long.
    program = await run_in_thread(lambda: _program_of(content, constraints))
    result, ended = TransientResult(program.tests, is_interactive=False), 0
    async with aclosing(runs.events(principal, program.request, wait_s=_WAIT_FOR_ENGINE_S)) as events:
        async for event in events:
            if result.add(event) is not None:
                ended += 1
                await on_test(ended, len(program.tests or ()))
    return result.run().model_dump(mode="json")


def _program_of(content: dict[str, Any], constraints: Constraints) -> TransientProgram:
    """Return the program of a content. Raises `ApiError` with all its faults."""
    new = validate_submission(content, constraints)
    constraints.require_known([new])
    return transient_program(new)
