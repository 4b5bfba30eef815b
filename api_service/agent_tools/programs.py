"""Checks and runs the programs of calls, by the rules of API v1."""

from contextlib import aclosing
from typing import Any

from api_service.agent_tools.server import OnTest
from api_service.requests.threads import run_in_thread
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.engine_request import RunEvents, events_of, transient_program
from api_service.v1.body.rules import check_submission


async def run_program(
    run: RunEvents, content: dict[str, Any], constraints: Constraints, on_test: OnTest
) -> dict[str, Any]:
    """Run the program of a submission's content by `run`, and return its run as API v1 shows it. Raises `ApiError`."""
    # In a thread, because a body may be long.
    program = await run_in_thread(lambda: transient_program(check_submission(content, constraints)))
    ended = 0
    async with aclosing(events_of(run, program)) as events:
        async for _, test in events:
            if test is not None:
                ended += 1
                await on_test(ended, program.result.number_of_tests)
    return program.result.run().model_dump(mode="json")
