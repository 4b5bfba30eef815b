"""Programs of SandboxFusion's clients as requests of the engine."""

import json
from base64 import b64decode
from typing import Any

import pytest

from api_service.doors.sandboxfusion.languages import find
from api_service.doors.sandboxfusion.program import FusionProgram, code_program, notebook_program
from api_service.doors.sandboxfusion.request import NotRunnable
from api_service.languages.catalog import LanguageCatalog
from shared.engine_api.codex import LanguageLibrary, LimitBounds, SupportedLanguage
from shared.engine_api.run_call.request import ProgramRequest

_MIB = 1 << 20
_LIMITS = {"cpu_s": 30, "wall_s": 60, "memory_bytes": 1024 * _MIB, "output_bytes": 1 << 20}
_BOUNDS = {name: LimitBounds(default=1, max=most) for name, most in _LIMITS.items()}
_OPTIONS = {"cpp": ["-std=*"], "java": ["--class-path=*"], "v": ["-Wall", "-stb"]}
_COMPILED = {"cpp": True, "java": True, "v": True}
_CODES = {"py": "py", "cpp": "cpp", "java": "java", "php": "php", "ts": "ts", "scala": "scala", "v": "v"}
_CATALOG = LanguageCatalog(
    {
        code: SupportedLanguage(
            language=code,
            info="1.0",
            extensions=[extension],
            compiled=code in _COMPILED,
            compiler_args=_OPTIONS.get(code),
            limits=_BOUNDS,
        )
        for code, extension in _CODES.items()
    }
)


def _program(language: str = "python", code: str = "x", memory_mb: int | None = None, **fields: Any) -> FusionProgram:
    body = json.dumps({"code": code, "language": language, **fields})
    return code_program(body.encode(), _CATALOG, memory_mb)


def _request(language: str = "python", code: str = "x", **fields: Any) -> ProgramRequest:
    return ProgramRequest.model_validate_json(_program(language, code, **fields).request)


def _sources(request: ProgramRequest) -> dict[str, bytes]:
    return {file.path: file.data() for file in request.files}


def test_time_and_memory_stay_within_the_bounds_of_the_engine() -> None:
    limits = _request(run_timeout=2, memory_limit_MB=64).limits
    assert (limits.wall_s, limits.cpu_s, limits.memory_bytes) == (2, 8, 64 * _MIB)
    limits = _request(run_timeout=1e9, memory_limit_MB=1 << 40).limits
    assert (limits.wall_s, limits.cpu_s, limits.memory_bytes) == (60, 30, 1024 * _MIB)
    assert _request(memory_limit_MB=0).limits.memory_bytes == 1024 * _MIB
    assert _request(run_timeout=-1).limits.wall_s == _request(run_timeout=float("nan")).limits.wall_s == 0.001
    assert _request(compile_timeout=3).compile_limits.wall_s == 3
    assert _request(compile_timeout=float("inf"), run_timeout=float("inf")).limits.wall_s == 60


def test_the_operator_sets_the_usual_memory() -> None:
    assert json.loads(_program(memory_mb=100).request)["limits"]["memory_bytes"] == 100 * _MIB


def test_only_the_code_is_compiled() -> None:
    request = _request("cpp", files={"a/../b.cpp": "eA==", "n": None, "IGNORE_THIS_FILE_1": "!"})
    assert _sources(request) == {"main.cpp": b"x", "b.cpp": b"x"}
    assert (request.entry, request.data_files, request.compiler_args) == ("main.cpp", ("b.cpp",), ("-std=c++17",))
    assert _request("verilog", files={"a": "eA=="}).data_files == ()


def test_a_file_keeps_the_name_that_the_code_would_have() -> None:
    request = _request(code="c", files={"main.py": "eA==", "main_.py/x": "eA=="})
    assert _sources(request) == {"main__.py": b"c", "main.py": b"x", "main_.py/x": b"x"}


@pytest.mark.parametrize(
    ("language", "code", "written"),
    [
        ("python", "", b"\n"),
        ("php", " \n echo 1;", b"<?php echo 1;"),
        ("php", "\n<?php echo 1;", b"<?php echo 1;"),
        ("typescript", "let a", b"// @ts-nocheck\nlet a"),
        ("scala", "object A", b"object A"),
    ],
)
def test_code_is_written_as_sandboxfusion_does(language: str, code: str, written: bytes) -> None:
    assert next(iter(_sources(_request(language, code)).values())) == written


@pytest.mark.parametrize(
    "fields",
    [
        {"files": {"/etc/a": "eA=="}},
        {"files": {"../a": "eA=="}},
        {"files": {"a/../../b": "eA=="}},
        {"files": {"a": "eA==", "a/b": "eA=="}},
        {"files": {"a": "e"}},
        {"files": {"a": "é"}},
        {"files": {"": "eA=="}},
        {"files": {"a/": "eA=="}},
        {"files": {str(number): "eA==" for number in range(256)}},
        {"language": "scala"},
    ],
)
def test_what_no_repeat_can_mend_is_said(fields: dict[str, Any]) -> None:
    with pytest.raises(NotRunnable):
        _request(**fields)


def test_files_come_back_by_the_text_that_asked_for_them() -> None:
    asked = ["./a.txt", "a.txt", "/tmp/b", "/etc/passwd", "../c", "/tmp/../etc/d", "/tmp", "", "e/./f"]
    program = _program(fetch_files=asked)
    assert program.fetched == {"./a.txt": "a.txt", "a.txt": "a.txt", "/tmp/b": "/tmp/b", "e/./f": "e/f"}
    assert ProgramRequest.model_validate_json(program.request).fetch == ("a.txt", "/tmp/b", "e/f")


def test_java_has_assertions_and_the_archives_among_the_files() -> None:
    assert _request("java").interpreter_args == ("-ea",)
    request = _request("java", files={"lib/a.jar": "eA=="})
    assert request.interpreter_args == ("-ea", "-cp", ".:lib/a.jar:/jars/*")
    assert request.compiler_args == ("--class-path=.:lib/a.jar:/jars/*",)


def test_pytest_is_a_language_if_it_is_installed() -> None:
    with pytest.raises(NotRunnable):
        find("pytest", _CATALOG)
    details = _CATALOG.languages["py"]
    assert details
    library = LanguageLibrary(name="pytest", version="9")
    language, _ = find("pytest", LanguageCatalog({"py": details.model_copy(update={"libraries": [library]})}))
    assert language.interpreter_args == ("-m", "pytest")


@pytest.mark.parametrize("name", ["kotlin_script", "lua", "jest"])
def test_a_language_may_be_missing(name: str) -> None:
    with pytest.raises(NotRunnable, match=f"{name} is not installed on this server."):
        find(name, _CATALOG)


def test_the_cells_of_a_notebook_are_its_input() -> None:
    body = {"cells": ["a", "é"], "total_timeout": 3, "files": {"f": "eA=="}, "fetch_files": ["f"]}
    request = json.loads(notebook_program(json.dumps(body).encode(), _CATALOG, None).request)
    assert json.loads(request["tests"][0]["stdin"]) == ["a", "é"]
    assert request["limits"] == {"wall_s": 3, "cpu_s": 12, "memory_bytes": 1024 * _MIB, "output_bytes": 1 << 20}
    assert b"def run_cell" not in b64decode(request["files"][1]["content"])
    assert (request["files"][1]["path"], request["fetch"]) == ("f", ["f"])
