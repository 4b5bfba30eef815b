"""Writes the answer to `POST runs` from how a program ended. Pure."""

import codecs
import re
import signal
from enum import IntEnum
from typing import Any, Final

from api_service.doors.jobe.request import RunSpec
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, Stop, TestEnded

#: The bytes of a text that is not UTF-8 which Jobe writes as escapes.
_ESCAPED: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]")
#: A warning of Python's compiler is one line, and the line of the source. It comes before all that the program writes.
_PYTHON_WARNING: Final = r"(?:(?:[^\n]*/)?{name}:[0-9]+: SyntaxWarning: [^\n]*\n(?:  [^\n]*\n)?)"
#: An error in the syntax of the source itself comes without a line `Traceback`.
_PYTHON_ERROR: Final = (
    r'  File "(?:[^"\n]*/)?{name}", line [0-9]+\n(?:(?:  [^\n]*)?\n)*+'
    r"(?:SyntaxError|IndentationError|TabError): [^\n]*\n?\Z"
)
#: What begins the standard error of such a program. `{name}` stands for the pattern of its source's name.
_SYNTAX_ERRORS: Final = {
    "python3": f"{_PYTHON_WARNING}*+{_PYTHON_ERROR}|{_PYTHON_WARNING}++",
    "php": r"\s*+(?:PHP )?Parse error: [^\n]* in (?:[^\n]*/)?{name} on line [0-9]+(?s:.*)",
}


class JobeOutcome(IntEnum):
    COMPILE_ERROR = 11
    RUNTIME_ERROR = 12
    TIME_LIMIT = 13
    SUCCESS = 15
    MEMORY_LIMIT = 17
    OVERLOAD = 21


def answer(outcome: JobeOutcome, *, cmpinfo: str = "", stdout: str = "", stderr: str = "") -> dict[str, Any]:
    return {"run_id": None, "outcome": outcome.value, "cmpinfo": cmpinfo, "stdout": stdout, "stderr": stderr}


def answer_of(spec: RunSpec, compiled: Compiled | None, ended: TestEnded | None) -> dict[str, Any]:
    """Return the answer of a run. `ended` is None only if the compiler rejected the program."""
    if cmpinfo := _said_by_compiler(spec, compiled, ended):
        return answer(JobeOutcome.COMPILE_ERROR, cmpinfo=cmpinfo)
    assert ended
    # What a limit has cut may end within a character.
    stdout = text_of(ended.written_to_stdout, is_whole=ended.stopped is None)
    if ended.stopped is not None:
        outcome = JobeOutcome.MEMORY_LIMIT if ended.stopped is Stop.MEMORY else JobeOutcome.TIME_LIMIT
        return answer(outcome, stdout=stdout)
    stderr = text_of(ended.written_to_stderr)
    if ended.signal is not None:
        stderr += f"{signal.strsignal(ended.signal) or f'Signal {ended.signal}'}\n"
    if spec.language.file_of_class:
        stderr = stderr.replace("\n\t", f"\n{' ' * 8}")
    return answer(JobeOutcome.RUNTIME_ERROR if stderr else JobeOutcome.SUCCESS, stdout=stdout, stderr=stderr)


def text_of(data: bytes, *, is_whole: bool = True) -> str:
    """Return the text of an output. If it is not UTF-8, most bytes that are not ASCII's become escapes."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=is_whole)
    except UnicodeDecodeError:
        return _ESCAPED.sub(lambda byte: b"\\x%02x" % byte[0][0], data).decode("ascii")


def _said_by_compiler(spec: RunSpec, compiled: Compiled | None, ended: TestEnded | None) -> str:
    """Return what fails a program before it runs; "" if nothing does."""
    if ended and ended.verdict is Verdict.COMPILE_ERROR:
        return ended.stderr or ended.error
    if compiled and compiled.verdict:
        texts = [compiled.output, compiled.stderr or "", compiled.error if compiled.stopped else ""]
        return "\n".join(filter(None, texts)) or compiled.error or "The compiler failed."
    if compiled:
        return (compiled.stderr or "") if spec.language.warnings_fail else ""
    return _syntax_errors(spec, ended.written_to_stderr) if ended else ""


def _syntax_errors(spec: RunSpec, stderr: bytes) -> str:
    """Return what an interpreter says of a program that it cannot compile. Jobe checks that before the run."""
    pattern = _SYNTAX_ERRORS.get(spec.language.id, "").replace("{name}", re.escape(spec.filename))
    errors = re.match(pattern, text_of(stderr)) if pattern else None
    return errors[0] if errors else ""
