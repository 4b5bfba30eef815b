"""Tells the executor of the tests, by a socket that only this box has."""

import contextlib
import json
import os
import socket
from typing import Any, Final, NoReturn

from executor.unit_tests.boxes.relay import NotImported, the

_MESSAGE: Final = 4096
_REPORT: Final = 16384
#: The verdict that goes with an outcome. Of the others it is None.
_VERDICTS: Final = {"passed": "accepted", "failed": "wrong_answer", "error": "runtime_error"}


class Reporter:
    """The way to the executor. It answers each event with one byte, when the limits of the next part hold."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)

    def tell(self, event: str, **fields: Any) -> None:
        """Send an event, and wait until the executor has taken it."""
        line = json.dumps({"event": event, **fields}, ensure_ascii=False).encode("utf-8", "replace")
        self._socket.sendall(line + b"\n")
        if not self._socket.recv(1):
            os._exit(1)

    def lose(self, reason: str) -> NoReturn:
        """End this box, because the student's box has ended or has broken the protocol."""
        with contextlib.suppress(OSError):
            self.tell("lost", reason=reason)
        os._exit(1)


class ListingFault(Exception):
    """The tests are at fault, so they cannot be listed."""


class RunningTest:
    """A test that runs. What is noted first decides its outcome."""

    def __init__(self, reporter: Reporter, number: int, points: float) -> None:
        self._reporter = reporter
        self._number, self._points = number, points
        self._outcome, self._message, self._report = "passed", "", ""
        #: True when the framework has said so. Nothing else makes a test pass.
        self.has_succeeded = False
        self.hides_errors: str | None = None
        self.awarded: Any = None
        reporter.tell("begin", number=number)

    def note(self, outcome: str, exc: BaseException | None, report: str) -> None:
        """Note how a part of the test ended, if not well."""
        if self._outcome == "passed" or (self._outcome == "skipped" and outcome in ("failed", "error")):
            self._outcome, self._report = outcome, "\n".join([report, *_lines_of(exc)])
            self._message = self.hides_errors or (_explain(exc) if exc else report)

    def end(self) -> None:
        """Report the test."""
        if self._outcome == "passed" and not self.has_succeeded:
            self.note("error", None, "The test did not come to its end.")
        points = self._points if self.awarded is None else self.awarded
        is_part = isinstance(points, int | float) and 0 <= points <= self._points
        if self._outcome == "passed" and not is_part:
            self.note("error", None, f"The part of the points must be from 0 to {self._points:g}.")
        outputs, verdict = the().take_outputs(), _VERDICTS.get(self._outcome)
        if outputs.pop("is_over"):
            self._outcome, verdict = "error", "output_limit"
            self._message = "The program wrote more than its limit of output in this test."
        self._reporter.tell(
            "end",
            number=self._number,
            outcome=self._outcome,
            verdict=verdict,
            points=float(points) if self._outcome == "passed" else 0.0,
            message=_cut(self._message, _MESSAGE),
            judge_message=_cut(self._report, _REPORT),
            **outputs,
        )


def _lines_of(exc: BaseException | None) -> list[str]:
    return [f"{file}, line {line}, in {name}" for file, line, name in getattr(exc, "_student_lines", ())]


def _explain(exc: BaseException) -> str:
    """Return the type and text of an exception, with the student's lines, and no line of a test."""
    if isinstance(exc, NotImported):
        return str(exc)
    text = str(exc)
    return "\n".join([f"{type(exc).__name__}: {text}" if text else type(exc).__name__, *_lines_of(exc)])


def _cut(text: str, size: int) -> str | None:
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore") or None
