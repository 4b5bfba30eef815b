"""Makes SandboxFusion's answers from how runs ended. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from api_service.doors.sandboxfusion.program import FusionProgram
from api_service.transient.ended import EndedRun
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, Stop, TestEnded

#: The limits whose excess SandboxFusion reports as a time limit. A program that fills its pipe would wait until then.
_AS_TIME_LIMIT: Final = frozenset({Stop.WALL, Stop.CPU, Stop.OUTPUT})
_KILLED: Final = -9
#: The results of `run_code` and of `run_jupyter` if nothing ran.
NO_STAGES: Final = {"compile_result": None, "run_result": None}
NO_CELLS: Final[Mapping[str, Any]] = {"driver": None, "cells": []}


class CellError(BaseModel):
    ename: str
    evalue: str
    traceback: list[str]


class Cell(BaseModel):
    """What a cell gave. `display` has its displayed values, each by media types."""

    stdout: str
    stderr: str
    display: list[dict[str, str]]
    error: list[CellError]


_CELLS: Final = TypeAdapter(list[Cell])


def code_answer(run: EndedRun, program: FusionProgram) -> dict[str, Any]:
    compiled, ran = _stages(run)
    if not program.tells_compiler:
        if ran is None and compiled is not None and compiled["status"] == "Finished":
            compiled["return_code"] = 1  # whatever code the compiler ended with
        compiled, ran = None, ran or compiled
    stages = [stage for stage in (compiled, ran) if stage]
    is_good = all(stage["status"] == "Finished" and stage["return_code"] == 0 for stage in stages)
    results = {"compile_result": compiled, "run_result": ran}
    return _answer("Success" if is_good else "Failed", results, files=_files(run, program))


def notebook_answer(run: EndedRun, program: FusionProgram) -> dict[str, Any]:
    """Return the answer of `run_jupyter`. The driver's output is the JSON of the cells, if it came to its end."""
    driver = _run_stage(run.tests[0])
    output, driver["stdout"] = driver["stdout"], ""
    if driver["return_code"] == 0:
        with suppress(ValueError):  # a cell has ended it
            cells = _CELLS.validate_json(output)
            return _answer("Success", {"driver": driver, "cells": cells}, files=_files(run, program))
    return _answer("Failed", {"driver": driver, "cells": []})


def failure(message: str, nothing: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to what no repeat can mend. `nothing` is `NO_STAGES` or `NO_CELLS`."""
    return _answer("SandboxError", nothing, message=message)


def _answer(
    status: str, results: Mapping[str, Any], *, files: Mapping[str, str] | None = None, message: str = ""
) -> dict[str, Any]:
    return {"status": status, "message": message, **results, "executor_pod_name": None, "files": files or {}}


def _stages(run: EndedRun) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the stages of the compiler and of the program. The latter is None if the compiler failed."""
    test = run.ended
    if test is not None and test.verdict is Verdict.COMPILE_ERROR:  # it had to be compiled again
        return _run_stage(test), None
    compiled = _stage(run.compiled, run.compiled.output, run.compiled.stderr or "") if run.compiled else None
    return compiled, _run_stage(test) if test else None


def _run_stage(test: TestEnded) -> dict[str, Any]:
    return _stage(test, test.stdout, test.stderr)


def _stage(ended: Compiled | TestEnded, stdout: str, stderr: str) -> dict[str, Any]:
    timed_out = ended.stopped in _AS_TIME_LIMIT
    return {
        "status": "TimeLimitExceeded" if timed_out else "Finished",
        "execution_time": ended.wall_s,
        "return_code": None if timed_out else _code_of(ended),
        "stdout": stdout,
        "stderr": stderr,
        "cpu_time": ended.cpu_s,
    }


def _code_of(ended: Compiled | TestEnded) -> int:
    if ended.stopped is Stop.MEMORY:
        return _KILLED
    return -ended.signal if ended.signal else ended.exit_code or 0


def _files(run: EndedRun, program: FusionProgram) -> dict[str, str]:
    """Return what came back, in base64 by the texts that asked for it."""
    contents = {file.path: file.content for test in run.tests for file in test.fetched}
    return {text: b64encode(contents[path]).decode() for text, path in program.fetched.items() if path in contents}
