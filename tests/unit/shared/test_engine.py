"""The requests of `POST /run`, and the lines of its answers."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.engine_api.codex import LimitBounds, Verdict
from shared.engine_api.event_lines import parse_event
from shared.engine_api.run_call.events import TestEnded
from shared.engine_api.run_call.limits import (
    MIN_MEMORY_BYTES,
    ProgramLimits,
    is_allowed,
    limits_in_effect,
)
from shared.engine_api.run_call.request import CheckerKind, ProgramRequest
from tests.factories import ended_test

_FILE = {"path": "main.py", "content": "x"}
_BOUNDS = {
    "cpu_s": LimitBounds(default=10, max=60),
    "wall_s": LimitBounds(default=30, max=100),
    "memory_bytes": LimitBounds(default=1 << 29, max=1 << 31),
    "output_bytes": LimitBounds(default=1000, max=1000),
    "processes": LimitBounds(default=64, max=128),
}
_JUDGE: dict[str, Any] = {"language": "cpp", "files": [{"path": "check.cpp", "content": "x"}]}
_TESTLIB = {**_JUDGE, "protocol": "testlib"}


def _parse(**fields: Any) -> ProgramRequest:
    return ProgramRequest.model_validate_json(json.dumps({"language": "py", "files": [_FILE], **fields}))


def test_a_request_without_tests_is_one_run() -> None:
    request = _parse()
    assert [(test.stdin, test.args, test.expected_output) for test in request.tests] == [("", (), None)]
    assert request.checker.kind is CheckerKind.LINES
    assert request.entry_file.path == "main.py"


def test_as_much_as_the_contract_allows_is_accepted() -> None:
    request = _parse(
        files=[{"path": f"f{number}", "content": "x"} for number in range(256)],
        tests=[{"args": ["x" * 127] * 256 + []}] * 100,
    )
    assert (len(request.files), len(request.tests)) == (256, 100)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"files": []}, "files"),
        ({"files": [{"path": f"f{number}", "content": "x"} for number in range(257)]}, "files"),
        ({"files": [{**_FILE, "path": "../x"}]}, "files.0.path"),
        ({"files": [_FILE, {**_FILE, "path": "/x"}]}, "files.1.path"),
        ({"files": [_FILE, _FILE]}, ""),
        ({"files": [{**_FILE, "content": "é", "encoding": "base64"}]}, "files.0"),
        ({"files": [{**_FILE, "content": "AA=A", "encoding": "base64"}]}, "files.0"),
        ({"files": [{**_FILE, "encoding": "latin-1"}]}, "files.0.encoding"),
        ({"files": [{**_FILE, "content": ""}]}, ""),
        ({"environment": {"a b": ""}}, "environment"),
        ({"environment": {"A": "\0"}}, "environment"),
        ({"environment": {"A": "x" * 4096}}, "environment"),
        ({"environment": {f"A{number}": "" for number in range(33)}}, "environment"),
        ({"entry": "other.py"}, ""),
        ({"tests": []}, "tests"),
        ({"tests": [{}] * 101}, "tests"),
        ({"tests": [{"stdin": 1}]}, "tests.0.stdin"),
        ({"tests": [{"args": ["a\0"]}]}, "tests.0.args"),
        ({"tests": [{"args": ["x"] * 257}]}, "tests.0.args"),
        ({"tests": [{"args": ["x" * 32769]}]}, "tests.0.args"),
        ({"tests": [{"points": -1}]}, "tests.0.points"),
        ({"compiler_args": ["-O2", 3]}, "compiler_args.1"),
        ({"limits": {"cpu_s": 0}}, "limits.cpu_s"),
        ({"limits": {"cpu_s": "1"}}, "limits.cpu_s"),
        ({"limits": {"memory_bytes": 1.5}}, "limits.memory_bytes"),
        ({"limits": {"memory_bytes": True}}, "limits.memory_bytes"),
        ({"limits": {"disk": 1}}, "limits.disk"),
        ({"checker": {"kind": "regex"}}, "checker.kind"),
        ({"checker": {"kind": "lines", "tolerance": 0.1}}, "checker"),
        ({"checker": {"kind": "float", "tolerance": 1.1}}, "checker.tolerance"),
        ({"checker": {"kind": "lines", "args": ["case_sensitive"]}}, "checker"),
        ({"checker": {"kind": "icpc", "tolerance": 0.1}}, "checker"),
        ({"checker": {"kind": "icpc", "args": ["float_tolerance"]}}, "checker"),
        ({"checker": {"kind": "icpc", "program": _JUDGE}}, "checker"),
        ({"checker": {"kind": "program"}}, "checker"),
        ({"checker": {"kind": "program", "program": _JUDGE, "args": ["x"]}}, "checker"),
        ({"checker": {"kind": "program", "program": {**_JUDGE, "entry": "y"}}}, "checker.program"),
        ({"checker": {"kind": "program", "program": {**_JUDGE, "protocol": "dmoj"}}}, "checker.program.protocol"),
        ({"checker": {"kind": "program", "program": {**_JUDGE, "args": ["a\0"]}}}, "checker.program.args"),
        ({"interactor": {**_JUDGE, "files": [_FILE, _FILE]}}, "interactor"),
        ({"interactor": _JUDGE, "checker": {"kind": "tokens"}}, ""),
        ({"interactor": _JUDGE, "checker": {"kind": "program", "program": _TESTLIB}}, ""),
        ({"interactor": _TESTLIB, "checker": {"kind": "program", "program": _JUDGE}}, ""),
        ({"interactor": _TESTLIB, "checker": {"kind": "icpc"}}, ""),
        ({"stop_at_first_failure": 1}, "stop_at_first_failure"),
        ({"expected": "x"}, "expected"),
    ],
)
def test_a_wrong_request_is_refused_at_its_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _parse(**fields)
    assert ".".join(map(str, raised.value.errors()[0]["loc"])) == place


@pytest.mark.parametrize(
    "judges",
    [
        {"checker": {"kind": "icpc", "args": ["float_tolerance", "1e-6"]}},
        {"checker": {"kind": "program", "program": {"language": "py", "files": [_FILE], "args": ["case_sensitive"]}}},
        {"interactor": _JUDGE},
        {"interactor": _TESTLIB, "checker": {"kind": "program", "program": _TESTLIB}},
    ],
)
def test_judges_are_read(judges: dict[str, Any]) -> None:
    request = _parse(**judges)
    assert ProgramRequest.model_validate_json(request.model_dump_json()) == request


def test_limits_of_a_test_count_more() -> None:
    both = ProgramLimits(cpu_s=1).over(ProgramLimits(cpu_s=2, processes=3))
    assert both == ProgramLimits(cpu_s=1, processes=3)


@pytest.mark.parametrize(
    ("asked", "cpu_s", "wall_s"),
    [
        (ProgramLimits(), 10, 30),
        (ProgramLimits(cpu_s=1), 1, 30),
        (ProgramLimits(cpu_s=20), 20, 50),
        (ProgramLimits(cpu_s=60), 60, 100),
        (ProgramLimits(cpu_s=60, wall_s=1), 60, 1),
    ],
)
def test_more_cpu_time_gets_more_elapsed_time(asked: ProgramLimits, cpu_s: float, wall_s: float) -> None:
    limits = limits_in_effect(asked, _BOUNDS)
    assert (limits.cpu_s, limits.wall_s) == (cpu_s, wall_s)


def test_all_limits_have_a_value_in_effect() -> None:
    limits = limits_in_effect(ProgramLimits(memory_bytes=1), _BOUNDS)
    assert limits == ProgramLimits(cpu_s=10, wall_s=30, memory_bytes=MIN_MEMORY_BYTES, output_bytes=1000, processes=64)


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("-O2", True),
        ("-O", False),
        ("-O2x", False),
        ("-std=c17", True),
        ("-std=", False),
        ("-st", False),
        ("", False),
        ("-std=@file", False),
        ("-std=c@", True),
    ],
)
def test_an_option_is_allowed_by_name_or_by_its_start(option: str, allowed: bool) -> None:
    assert is_allowed(option, ["-O2", "-std=*"]) is allowed


_TEST = ended_test(verdict=Verdict.WRONG_ANSWER, stdout="é", diff="@@", truncated=["stdout"])


def test_output_that_is_not_text_keeps_its_bytes() -> None:
    event = parse_event(_TEST.model_copy(update={"stderr": "\ufffd", "stderr_bytes": b"\xff"}).model_dump_json())
    assert isinstance(event, TestEnded)
    assert (event.written_to_stdout, event.written_to_stderr) == ("é".encode(), b"\xff")
