"""How runs ended, as SandboxFusion's answers."""

from typing import Any

import pytest

from api_service.doors.sandboxfusion.answer import code_answer, notebook_answer
from api_service.doors.sandboxfusion.program import FusionProgram
from api_service.transient.ended import EndedRun
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, FetchedFile, Stop, TestEnded
from tests.factories import ended_test

_FIGURES: dict[str, Any] = {"cpu_s": 0.25, "wall_s": 0.5, "memory_bytes": 0, "exit_code": 0, "signal": None}


def _test(**fields: Any) -> TestEnded:
    return ended_test(**{"stdout": "o", "stderr": "e", **_FIGURES, **fields})


def _compiled(**fields: Any) -> Compiled:
    return Compiled(**{"verdict": None, "error": "", "output": "", "truncated": False, **_FIGURES, **fields})


def _answer(*tests: TestEnded, compiled: Compiled | None = None, tells: bool = True) -> dict[str, Any]:
    program = FusionProgram(b"", {"./a": "a", "b": "b"}, tells_compiler=tells, spare_s=0)
    return code_answer(EndedRun(compiled=compiled, tests=list(tests)), program)


@pytest.mark.parametrize(
    ("ended", "status", "stage"),
    [
        ({}, "Success", ("Finished", 0)),
        ({"exit_code": 3}, "Failed", ("Finished", 3)),
        ({"exit_code": None, "signal": 11}, "Failed", ("Finished", -11)),
        ({"exit_code": None, "signal": 9, "stopped": Stop.WALL}, "Failed", ("TimeLimitExceeded", None)),
        ({"exit_code": None, "stopped": Stop.CPU}, "Failed", ("TimeLimitExceeded", None)),
        ({"exit_code": None, "stopped": Stop.OUTPUT}, "Failed", ("TimeLimitExceeded", None)),
        ({"exit_code": None, "stopped": Stop.MEMORY}, "Failed", ("Finished", -9)),
    ],
)
def test_a_run_ends(ended: dict[str, Any], status: str, stage: tuple[str, int | None]) -> None:
    answer = _answer(_test(**ended))
    assert (answer["status"], answer["message"], answer["compile_result"]) == (status, "", None)
    run = answer["run_result"]
    assert (run.pop("status"), run.pop("return_code")) == stage
    assert run == {"execution_time": 0.5, "stdout": "o", "stderr": "e", "cpu_time": 0.25}


def test_a_compiler_that_fails_ends_the_answer() -> None:
    rejected = _compiled(verdict=Verdict.COMPILE_ERROR, exit_code=2, stderr="words")
    answer = _answer(compiled=rejected)
    assert (answer["status"], answer["run_result"]) == ("Failed", None)
    assert (answer["compile_result"]["return_code"], answer["compile_result"]["stderr"]) == (2, "words")
    late = _answer(compiled=rejected.model_copy(update={"stopped": Stop.WALL}))
    assert (late["status"], late["compile_result"]["status"]) == ("Failed", "TimeLimitExceeded")
    again = _answer(_test(verdict=Verdict.COMPILE_ERROR, exit_code=1), compiled=_compiled())
    assert (again["status"], again["compile_result"]["return_code"], again["run_result"]) == ("Failed", 1, None)


def test_a_compiler_that_sandboxfusion_lacks_is_a_run() -> None:
    failed = _answer(compiled=_compiled(exit_code=2, stderr="words"), tells=False)
    assert (failed["status"], failed["compile_result"]) == ("Failed", None)
    assert (failed["run_result"]["return_code"], failed["run_result"]["stderr"]) == (1, "words")
    good = _answer(_test(), compiled=_compiled(), tells=False)
    assert (good["status"], good["compile_result"], good["run_result"]["stdout"]) == ("Success", None, "o")


def test_files_have_plain_base64() -> None:
    files = [FetchedFile.model_validate({"path": "a", "content": "_-8="})]
    answer = _answer(_test(exit_code=1, fetched=files))
    assert answer["files"] == {"./a": "/+8="}


_CELL = '[{"stdout": "o", "stderr": "", "display": [], "error": []}]'


@pytest.mark.parametrize(
    ("ended", "status", "cells"),
    [
        ({"stdout": _CELL}, "Success", 1),
        ({"stdout": _CELL, "exit_code": 4}, "Failed", 0),
        ({"stdout": _CELL, "exit_code": None, "stopped": Stop.WALL}, "Failed", 0),
        ({"stdout": ""}, "Failed", 0),
        ({"stdout": "[" * 100_000}, "Failed", 0),
        ({"stdout": '[{"stdout": 1}]'}, "Failed", 0),
    ],
)
def test_a_notebook_ends(ended: dict[str, Any], status: str, cells: int) -> None:
    program = FusionProgram(b"", {}, tells_compiler=False, spare_s=0)
    answer = notebook_answer(EndedRun(tests=[_test(**ended)]), program)
    assert answer.keys() == {"status", "message", "driver", "cells", "executor_pod_name", "files"}
    assert (answer["status"], len(answer["cells"]), answer["driver"]["stdout"]) == (status, cells, "")
