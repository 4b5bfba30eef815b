"""Lists and runs the tests with pytest."""

import contextlib
import inspect
import io
import math
import statistics
import sys
import traceback
import unittest
from collections.abc import Generator
from typing import Any, Final

import pytest
from _pytest import approx
from _pytest.skipping import evaluate_skip_marks, evaluate_xfail_marks

from executor.unit_tests.boxes.handles import own_path, refusing
from executor.unit_tests.boxes.imports import bound
from executor.unit_tests.boxes.relay import Remote, the
from executor.unit_tests.boxes.reporting import ListingFault, RunningTest

#: As in `shared.engine_api.unit_tests`.
_MAX_POINTS: Final = 1000
_HIDDEN: Final = {"visible": False, "hidden": True, "after_due_date": True, "after_published": True}
#: What unittest's decorators set where a test has no points.
_LEFT_OUT: Final = ("__unittest_skip__", "__unittest_expecting_failure__")
#: Characters that are kept of what pytest itself writes, if it fails.
_SAID: Final = 4096


class Plugin:
    """What pytest asks. `box` runs the tests that it is told."""

    def __init__(self, box: Any) -> None:
        self._box = box
        self._errors: list[str] = []
        #: The number and the points of each item that is to run.
        self._chosen: dict[Any, tuple[int, float]] = {}
        self._running: RunningTest | None = None

    def pytest_configure(self, config: Any) -> None:
        config.addinivalue_line("markers", "points(number): the points of a test")
        config.addinivalue_line("markers", "hidden: a test whose name and texts are not shown")

    @pytest.fixture
    def tmp_path(self) -> Any:
        return own_path(the().ask("new_folder"))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._errors.append(report.longreprtext)

    def pytest_collection_finish(self, session: Any) -> None:
        items, entries = session.items, []
        try:
            items = _as_loaded(items) if self._box.is_unittest else items
            entries = [_entry(item, self._box.visibility) for item in items]
        except ListingFault as fault:
            self._errors.append(str(fault))
        chosen = zip(items, self._box.listed(entries, "\n".join(self._errors)), strict=True)
        self._chosen = {item: known for item, known in chosen if known}
        session.items[:] = self._chosen

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Generator[None, Any, Any]:
        self._running = running = RunningTest(self._box.reporter, *self._chosen[item])
        function = getattr(item, "function", None)
        running.hides_errors = getattr(function, "__hide_errors__", None)
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
            running.awarded = awarded[-1] if awarded else getattr(function, "__score__", None)
            running.end()
            return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, Any]:
        kept = getattr(item, "_excinfo", None) or [call.excinfo]  # a method of unittest's classes keeps what it raised
        exc = kept[0].value if kept[0] else None
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


def _as_loaded(items: list[Any]) -> list[Any]:
    """Return the items that unittest's own loader finds, in its order. Raises `ListingFault`."""
    found = {(item.module, item.cls, item.name): item for item in items}
    loader, loaded = unittest.TestLoader(), []
    for module in {item.module: None for item in items}:
        suites: list[Any] = [loader.loadTestsFromModule(module)]
        while suites:
            match suites.pop():
                case unittest.TestSuite() as suite:
                    suites += reversed(list(suite))
                case test if item := found.get((module, type(test), test._testMethodName)):
                    loaded.append(item)
                case test:
                    raise ListingFault("\n".join(map(str, loader.errors)) or f"{test} is in no class of its file.")
    return loaded


def _entry(item: Any, visibility: str) -> dict[str, Any]:
    """Return the entry of a test. Raises `ListingFault` for points or a visibility that no test can have.

    A mark counts before what gradescope-utils' decorators have set.
    """
    function = getattr(item, "function", None)
    classes = [parent.name for parent in item.listchain() if isinstance(parent, pytest.Class)]
    group = ".".join([item.nodeid.partition("::")[0].removesuffix(".py").replace("/", "."), *classes])
    marked = {mark.name: mark for mark in reversed(list(item.iter_markers()))}
    points = next(iter(marked["points"].args), 0) if "points" in marked else getattr(function, "__weight__", 1)
    places = (getattr(item, "cls", None), function)
    is_left_out = any(getattr(place, name, False) for place in places for name in _LEFT_OUT)
    if is_left_out or evaluate_skip_marks(item) or evaluate_xfail_marks(item):
        points = 0
    visibility = "hidden" if "hidden" in marked else getattr(function, "__visibility__", visibility)
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points <= _MAX_POINTS:
        raise ListingFault(
            f"{group}: {item.name} has the points {points!r}: they must be a number from 0 to {_MAX_POINTS}."
        )
    if visibility not in _HIDDEN:
        raise ListingFault(
            f"{group}: {item.name} has the visibility {visibility!r}: it must be one of {', '.join(_HIDDEN)}."
        )
    number = getattr(function, "__number__", None)
    name = item.name if number is None else f"{number}) {item.name}"
    return {"group": group, "name": name, "points": round(float(points), 6), "hidden": _HIDDEN[visibility]}


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
        if isinstance(value, Remote):
            raise TypeError("The source is in the student's box: use `precieux_tests.source()`.")
        return find_file(value)

    setattr(inspect, "getfile", getfile)  # noqa: B010


def run(box: Any) -> str:
    """List the tests, and run those that the box chooses. Return what pytest says if it fails."""
    _guard()
    for module in [module for name, module in sys.modules.items() if name.startswith("executor.")]:
        vars(module)["__tracebackhide__"] = True  # for pytest, which then shows no line of ours
    without = [word for name in ("cacheprovider", "tmpdir", "faulthandler") for word in ("-p", f"no:{name}")]
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(output):
        code = pytest.main([*without, "--no-header", f"--rootdir={box.folder}", *box.files], [Plugin(box)])
    return "" if code in (0, 1, 5) else f"pytest ended with {code!r}.\n{output.getvalue()[-_SAID:]}"
