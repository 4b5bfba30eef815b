"""Lists and runs the tests with unittest's own loader."""

import importlib
import traceback
import unittest
from collections.abc import Iterator
from typing import Any

from executor.unit_tests.boxes import listing
from executor.unit_tests.boxes.reporting import ListingFault, RunningTest, hide_ours


class _Result(unittest.TestResult):
    def __init__(self, box: Any, numbers: dict[int, int]) -> None:
        super().__init__()
        self._box, self._numbers = box, numbers
        self._running: RunningTest | None = None

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().startTest(test)
        self._running = self._box.begin(self._numbers[id(test)])
        self._running.hides_errors = getattr(_method_of(test), "__hide_errors__", None)

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().stopTest(test)
        assert self._running
        self._running.awarded = getattr(_method_of(test), "__score__", None)
        self._running.end()
        self._running = None

    def addSuccess(self, test: Any) -> None:  # noqa: N802
        if self._running:
            self._running.has_succeeded = True

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        self._note("failed", err)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        self._note("error", err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        if err:
            self._note("failed" if issubclass(err[0], test.failureException) else "error", err)

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802
        if self._running:
            self._running.note("skipped", None, reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        self._note("xfail", err)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        if self._running:
            self._running.note("failed", None, "The test was expected to fail.")

    def _note(self, outcome: str, err: Any) -> None:
        if self._running:  # otherwise a class or a module could not be set up: its tests do not report
            hide_ours(err[1])
            self._running.note(outcome, err[1], "".join(traceback.format_exception(*err)))


def run(box: Any) -> None:
    """List the tests, and run those that the box chooses."""
    loader, tests, entries = unittest.TestLoader(), [], []
    fault: ListingFault | None = None
    try:
        for path in box.files:
            module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
            for test in _flat(loader.loadTestsFromModule(module)):
                group = listing.group_of(path, [type(test).__name__])
                method = _method_of(test)
                points = 0 if getattr(method, "__unittest_skip__", False) or _may_fail(method) else None
                own = getattr(method, "__visibility__", box.visibility)
                entries.append(listing.describe(group, test._testMethodName, method, points, own))
                tests.append(test)
    except ListingFault as exc:
        fault = exc
    except Exception:
        fault = ListingFault(traceback.format_exc())
    box.listed(entries, fault)
    numbers = {id(test): number for test, number in zip(tests, box.choose(entries), strict=True) if number}
    unittest.TestSuite(test for test in tests if id(test) in numbers).run(_Result(box, numbers))
    box.ended(None)


def _flat(suite: Any) -> Iterator[Any]:
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from _flat(part)
        else:
            yield part


def _method_of(test: Any) -> Any:
    return getattr(test, test._testMethodName, None)


def _may_fail(method: Any) -> bool:
    return bool(getattr(method, "__unittest_expecting_failure__", False))
