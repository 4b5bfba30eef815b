"""Answers to Jobe's clients: outcomes in their order, and texts."""

from typing import Any

import pytest

from api_service.doors.jobe.answer import answer_of, text_of
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, TestEnded
from tests.factories import ended_test
from tests.unit.api_service.jobe.samples import spec

_FIGURES: dict[str, Any] = {"cpu_s": 0, "wall_s": 0, "memory_bytes": 0}


def ended(stdout: bytes = b"", stderr: bytes = b"", **fields: Any) -> TestEnded:
    texts: dict[str, Any] = {"stdout": stdout.decode(errors="replace"), "stderr": stderr.decode(errors="replace")}
    return ended_test(**texts, **fields).model_copy(update={"stdout_bytes": stdout, "stderr_bytes": stderr})


def compiled(stderr: str = "", output: str = "", *, rejected: bool = False, **fields: Any) -> Compiled:
    verdict = Verdict.COMPILE_ERROR if rejected else None
    own = {"verdict": verdict, "error": "", "output": output, "stderr": stderr, "truncated": False}
    return Compiled.model_validate({**own, **_FIGURES, **fields})


def outcome(language: str, one: Compiled | None, event: TestEnded | None) -> tuple[int, str, str, str]:
    content = answer_of(spec(language), one, event)
    assert list(content) == ["run_id", "outcome", "cmpinfo", "stdout", "stderr"]
    assert content["run_id"] is None
    return content["outcome"], content["cmpinfo"], content["stdout"], content["stderr"]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ended(b"out"), (15, "", "out", "")),
        (ended(b"out", exit_code=3), (15, "", "out", "")),
        (ended(b"out", b"err"), (12, "", "out", "err")),
        (ended(b"out", b"err", signal=9, exit_code=None, stopped="cpu"), (13, "", "out", "")),
        (ended(b"out\xc3", b"err", signal=9, exit_code=None, stopped="output"), (13, "", "out", "")),
        (ended(b"out", b"err", signal=9, exit_code=None, stopped="wall"), (13, "", "out", "")),
        (ended(b"out", b"err", signal=9, exit_code=None, stopped="memory"), (17, "", "out", "")),
        (ended(b"out", b"e\n", signal=11, exit_code=None), (12, "", "out", "e\nSegmentation fault\n")),
        (ended(signal=6, exit_code=None), (12, "", "", "Aborted\n")),
        (ended(signal=8, exit_code=None), (12, "", "", "Floating point exception\n")),
        (ended(signal=9, exit_code=None), (12, "", "", "Killed\n")),
    ],
)
def test_outcomes_of_programs(event: TestEnded, expected: tuple[int, str, str, str]) -> None:
    assert outcome("nodejs", None, event) == expected
    assert outcome("c", compiled(), event) == expected


@pytest.mark.parametrize("language", ["pascal", "rs"])
def test_warnings_of_other_compilers_do_not(language: str) -> None:
    assert outcome(language, compiled("a warning", "more"), ended(b"out")) == (15, "", "out", "")
    assert outcome(language, compiled("e", "o", rejected=True, error="compile_error."), None) == (11, "o\ne", "", "")


def test_a_compiler_that_is_stopped_or_silent() -> None:
    stopped = compiled("e", rejected=True, error="Compilation: too long", stopped="cpu")
    assert outcome("c", stopped, None) == (11, "e\nCompilation: too long", "", "")
    assert outcome("c", compiled(rejected=True, error="compile_error."), None) == (11, "compile_error.", "", "")
    again = ended(b"", b"this time", verdict=Verdict.COMPILE_ERROR)
    assert outcome("pascal", compiled(), again) == (11, "this time", "", "")


_WARNING = '/box/work/prog.py:1: SyntaxWarning: "is" with \'int\' literal. Did you mean "=="?\n  1 is 1\n'
_ERROR = '  File "/box/work/prog.py", line 2\n    print "x"\n    ^^^^^^^^^\nSyntaxError: Missing parentheses\n'


@pytest.mark.parametrize(
    ("stderr", "cmpinfo"),
    [
        (_ERROR, _ERROR),
        (_WARNING + _ERROR, _WARNING + _ERROR),
        (_WARNING + "from the program", _WARNING),
        (_WARNING * 2, _WARNING * 2),
        (_ERROR.replace("SyntaxError", "IndentationError"), _ERROR.replace("SyntaxError", "IndentationError")),
        (_ERROR.replace("SyntaxError", "TabError"), _ERROR.replace("SyntaxError", "TabError")),
        (f"Traceback (most recent call last):\n{_ERROR}", ""),
        (_ERROR.replace("prog.py", "other.py"), ""),
        (f"{_ERROR}more\n", ""),
        (f"more\n{_WARNING}", ""),
        (_WARNING.replace("prog.py", "other.py"), ""),
        (_WARNING.replace("SyntaxWarning", "UserWarning"), ""),
    ],
)
def test_python_fails_by_its_syntax(stderr: str, cmpinfo: str) -> None:
    expected = (11, cmpinfo, "", "") if cmpinfo else (12, "", "out", stderr)
    assert outcome("python3", None, ended(b"out", stderr.encode())) == expected


def test_java_has_blanks_for_tabs() -> None:
    stderr = b"Exception\n\tat A.main\n\tat\tB"
    assert outcome("java", compiled(), ended(b"\n\t", stderr))[2:] == (
        "\n\t",
        "Exception\n        at A.main\n        at\tB",
    )
    assert outcome("c", compiled(), ended(b"", stderr))[3] == stderr.decode()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x00\x01\x1b\xc3\xa9\\", "\x00\x01\x1b\u00e9\\"),
        (b"\x00\t\r\n ~\x7f\\\xff", r"\x00" + "\t\r\n ~" + r"\x7f\\xff"),
        (b"\xc3\xa9\xe9", r"\xc3\xa9\xe9"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        (b"\xc3", r"\xc3"),
    ],
)
def test_texts(data: bytes, text: str) -> None:
    assert text_of(data) == text
