"""Runs the program of a call as a transient run."""

import json
from base64 import b64encode
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from pydantic_core import to_json

from api_service.access.auth import Principal
from api_service.doors.mcp.report import RunReport
from api_service.doors.mcp.server import Answer, OnTest
from api_service.submissions.new_submission import NewSubmission, Object
from api_service.transient.runs import TransientRuns
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.rules import validate_submission
from api_service.v1.protocol.threads import run_in_thread
from shared.engine.run_call import CheckerKind, Encoding, TestEnded
from shared.files.archives import unpack

#: Seconds within which an engine must begin to run it.
_WAIT_FOR_ENGINE_S: Final = 10.0
_OF_JUDGE: Final = ("protocol", "language", "entry", "compiler_args", "args", "limits")


async def run_program(
    runs: TransientRuns, principal: Principal, content: dict[str, Any], constraints: Constraints, on_test: OnTest
) -> Answer:
    """Run the program of a submission's content, and return its run and its files. Raises `ApiError`."""
    # In a thread, because a body may be long.
    new, program = await run_in_thread(lambda: _program_of(content, constraints))
    tests = content.get("tests")
    report = RunReport(new.language, tests)
    async with aclosing(runs.events(principal, program, wait_s=_WAIT_FOR_ENGINE_S)) as events:
        del program
        async for event in events:
            ended = report.add(event)
            if tests and isinstance(event, TestEnded):
                await on_test(ended, len(tests))
    return report.run(), report.files


def _program_of(content: dict[str, Any], constraints: Constraints) -> tuple[NewSubmission, bytes]:
    """Return the submission of a content, and the engine's request for it. Raises `ApiError` with all faults."""
    new = validate_submission(content, constraints)
    constraints.require_known([new])
    return new, request_of(new)


def request_of(new: NewSubmission) -> bytes:
    """Return the engine's request for a submission without a problem."""
    spec = new.spec or {}
    files = unpack(new.source.data) if len(new.files or ()) > 1 else {new.filename: new.source.data}
    tests = json.loads(new.tests.json) if new.tests else None
    if tests is None:
        tests = [{"stdin": new.stdin, "args": spec["args"], "expected_output": new.expected_output}]
    else:
        tests = [{name: value for name, value in test.items() if name != "name"} for test in tests]
    request = {name: spec[name] for name in ("compiler_args", "limits", "checker", "stop_at_first_failure")}
    if "checker" in new.judges:
        judge = {name: spec["checker"][name] for name in _OF_JUDGE} | {"files": _files(new.judges["checker"])}
        request["checker"] = {"kind": CheckerKind.PROGRAM, "program": judge}
    request |= {"language": new.language, "entry": new.filename, "files": _encoded(files), "tests": tests}
    return to_json({**request, "artifacts": new.tests is None})


def _files(stored: Object) -> list[dict[str, Any]]:
    return _encoded(unpack(stored.data))


def _encoded(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [
        {"path": path, "content": b64encode(data).decode(), "encoding": Encoding.BASE64} for path, data in files.items()
    ]
