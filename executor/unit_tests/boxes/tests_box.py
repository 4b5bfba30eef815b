"""The main program of the tests' box: it lists the tests, and runs them against the student's box."""

import fcntl
import importlib
import json
import os
import re
import sys
import traceback
from typing import Any, Final

from executor.unit_tests.boxes import listing, teacher
from executor.unit_tests.boxes.handles import StudentFinder, bind_names, make_handle
from executor.unit_tests.boxes.relay import Relay
from executor.unit_tests.boxes.reporting import ListingFault, Reporter, RunningTest
from executor.unit_tests.boxes.streams import HIGH

_WORK: Final = "/box/work"


class TestsBox:
    """What the frameworks ask. `settings` are those that the executor has given."""

    folder = _WORK

    def __init__(self, settings: dict[str, Any]) -> None:
        relay_in, relay_out, report = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, HIGH) for end in (0, 1, 2))
        null = os.open(os.devnull, os.O_RDWR)
        for end in (0, 1, 2):
            os.dup2(null, end)
        os.close(null)
        self.visibility: str = settings["visibility"]
        self.files: list[str] = settings["tests"]
        self._settings = settings
        self._reporter = Reporter(report)
        self._relay = Relay(relay_in, relay_out, self._reporter.lose, settings["output_bytes"])
        self._relay.make = make_handle
        self._finder = StudentFinder()
        sys.path.insert(0, _WORK)
        sys.dont_write_bytecode = True
        sys.meta_path.append(self._finder)
        teacher.install(settings["entry"])

    def run(self) -> None:
        """Let the framework list and run the tests."""
        framework = importlib.import_module(f"executor.unit_tests.boxes.with_{self._settings['framework']}")
        if self._settings["module"]:
            self._finder.take(self._settings["module"])
        framework.run(self)

    def listed(self, entries: list[dict[str, Any]], fault: Exception | None) -> None:
        """Tell the executor of the list, or begin with the tests of one that it knows."""
        if self._settings["numbers"] is not None:
            self._begin()
            return
        try:
            if fault:
                raise fault
            self._reporter.tell(
                "listed", tests=entries, modules=listing.check(entries, self._finder, _WORK, self.files)
            )
        except ListingFault as exc:
            misuse = re.search(r"(\S+, line \d+: the tests are listed without.*?fixtures only\.)", str(exc))
            self._reporter.tell("fault", message=misuse[1] if misuse else str(exc))
        os._exit(0)

    def choose(self, entries: list[dict[str, Any]]) -> list[int]:
        """Return the number of each test that is to run; 0 for others."""
        numbers = {(group, name): (number, points) for number, group, name, points in self._settings["numbers"]}
        self._points = dict(numbers.values())
        return [numbers.get((entry["group"], entry["name"]), (0, 0))[0] for entry in entries]

    def begin(self, number: int) -> RunningTest:
        """Begin a test."""
        return RunningTest(self._reporter, number, self._points[number])

    def ended(self, fault: Exception | None) -> None:
        """Tell the executor that all tests have run."""
        if self._settings["numbers"] is None:
            self._reporter.tell("fault", message=str(fault or "The tests could not be listed."))
        elif fault:  # the tests after this one run in other boxes
            os._exit(1)
        self._reporter.tell("finished")
        os._exit(0)

    def _begin(self) -> None:
        """Import the student's modules, and put their names in their places."""
        relay, names = self._relay, self._finder.names
        if failure := self._settings["failure"]:
            relay.failures = dict.fromkeys(self._settings["modules"], failure)
        else:
            self._reporter.tell("start")
            relay.is_listing, relay.is_importing = False, True
            failures = relay.ask("start", *self._settings["modules"])
            relay.failures = {
                name: str(failure) for name, failure in zip(self._settings["modules"], failures, strict=True) if failure
            }
            bind_names(_WORK)
            outputs = relay.take_outputs()
            self._reporter.tell("started", out=outputs["out"], err=outputs["err"])
        relay.is_listing = relay.is_importing = False
        self._finder.names = [*names, *(name for name in self._settings["modules"] if name not in names)]


def main() -> None:
    """List or run the tests."""
    with open("/box/given/settings.json") as file:
        settings = json.load(file)
    box = TestsBox(settings)
    try:
        box.run()
    except BaseException:
        box.ended(ListingFault(traceback.format_exc()))
