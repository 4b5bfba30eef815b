"""Lists and runs the tests with pytest."""

import contextlib
import inspect
import io
import math
import statistics
import traceback
import unittest
from collections.abc import Generator
from typing import Any, Final

import pytest
from _pytest import approx
from _pytest.skipping import evaluate_skip_marks, evaluate_xfail_marks

from executor.unit_tests.boxes import listing
from executor.unit_tests.boxes.handles import Path, bound, own_path, refusing
from executor.unit_tests.boxes.relay import Remote, RemoteModule, the
from executor.unit_tests.boxes.reporting import ListingFault, RunningTest, hide_ours

#: Characters that are kept of what pytest itself writes, if it fails.
_SAID: Final = 4096


class Plugin:
    """What pytest asks. `box` runs the tests that it is told."""

    def __init__(self, box: Any) -> None:
        self._box = box
        self._fault: Exception | None = None
        self._errors: list[str] = []
        self._entries: list[dict[str, Any]] = []
        self._running: RunningTest | None = None

    def pytest_configure(self, config: Any) -> None:
        config.addinivalue_line("markers", "points(number): the points of a test")
        config.addinivalue_line("markers", "hidden: a test whose name and texts are not shown")

    @pytest.fixture
    def tmp_path(self) -> Path:
        return own_path(the().ask("op", "new_folder"))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._errors.append(report.longreprtext)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        try:
            self._entries = [_entry(item, self._box.visibility) for item in items]
        except ListingFault as fault:
            self._fault = fault

    def pytest_collection_finish(self, session: Any) -> None:
        self._box.listed(
            self._entries, self._fault or (ListingFault("\n".join(self._errors)) if self._errors else None)
        )
        chosen = self._box.choose(self._entries)
        session.items[:] = [item for item, number in zip(session.items, chosen, strict=True) if number]
        for item, number in zip(session.items, filter(None, chosen), strict=True):
            item.precieux_number = number

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Generator[None, Any, Any]:
        self._running = running = self._box.begin(item.precieux_number)
        running.hides_errors = getattr(_function_of(item), "__hide_errors__", None)
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        parameters.update({name: bound(value) for name, value in parameters.items()})
        try:
            result = yield
        except BaseException as exc:  # pytest itself has failed, or is to stop
            running.note("error", exc, traceback.format_exc())
            running.end()
            raise
        else:
            awarded = [value for name, value in item.user_properties if name == "points"]
            running.awarded = awarded[-1] if awarded else getattr(_function_of(item), "__score__", None)
            running.end()
            return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, Any]:
        exc = call.excinfo.value if call.excinfo else None
        hide_ours(exc)
        report = yield
        if hasattr(report, "wasxfail"):
            outcome = "xfail"
        elif report.skipped:
            outcome = "skipped"
        elif report.failed:
            is_assertion = exc is None or isinstance(exc, AssertionError | pytest.fail.Exception)
            outcome = "failed" if is_assertion else "error"
        elif self._running:
            self._running.has_succeeded |= report.when == "call"
            return report
        if self._running:
            self._running.note(outcome, exc, report.longreprtext)
        return report


def _function_of(item: Any) -> Any:
    return getattr(item, "function", None)


def _entry(item: Any, visibility: str) -> dict[str, Any]:
    classes = [parent.name for parent in item.listchain() if isinstance(parent, pytest.Class)]
    group = listing.group_of(item.nodeid.partition("::")[0], classes)
    marked = {mark.name: mark for mark in reversed(list(item.iter_markers()))}
    points = next(iter(marked["points"].args), 0) if "points" in marked else None
    if evaluate_skip_marks(item) or evaluate_xfail_marks(item):
        points = 0
    own = getattr(_function_of(item), "__visibility__", None)
    hidden = "hidden" if "hidden" in marked else own or visibility
    return listing.describe(group, item.name, _function_of(item), points, hidden)


def _guard() -> None:
    """Refuse handles where the student's operators would decide of numbers, and where sources are read."""
    math.isclose = refusing(math.isclose)
    for name in statistics.__all__:
        if inspect.isfunction(getattr(statistics, name)):
            setattr(statistics, name, refusing(getattr(statistics, name)))
    for name in ("assertAlmostEqual", "assertNotAlmostEqual"):
        setattr(unittest.TestCase, name, refusing(getattr(unittest.TestCase, name)))
    pytest.approx = refusing(pytest.approx)
    for kind in vars(approx).values():
        if isinstance(kind, type) and issubclass(kind, approx.Approx) and "__eq__" in vars(kind):
            setattr(kind, "__eq__", refusing(kind.__eq__))  # noqa: B010
    find_file = inspect.getfile

    def getfile(value: Any) -> str:
        if isinstance(value, Remote | RemoteModule):
            raise TypeError("The source is in the student's box: use `precieux_tests.source()`.")
        return find_file(value)

    setattr(inspect, "getfile", getfile)  # noqa: B010


def run(box: Any) -> None:
    """List the tests, and run those that the box chooses."""
    _guard()
    plugin = Plugin(box)
    words = [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:tmpdir",
        "-p",
        "no:faulthandler",
        "--no-header",
        f"--rootdir={box.folder}",
    ]
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(output):
        code = pytest.main([*words, *box.files], [plugin])
    said = f"pytest ended with {code!r}.\n{output.getvalue()[-_SAID:]}"
    box.ended(ListingFault(said) if code not in (0, 1, 5) else None)
