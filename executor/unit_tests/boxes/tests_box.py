"""The main program of the tests' box: it lists the tests, and runs them against the student's box."""

import fcntl
import json
import os
import re
import sys
import traceback
from typing import Any, Final, NoReturn

from executor.unit_tests.boxes import abstract, listing, teacher, with_pytest
from executor.unit_tests.boxes.handles import make_handle
from executor.unit_tests.boxes.imports import StudentFinder, bind_names
from executor.unit_tests.boxes.relay import Relay
from executor.unit_tests.boxes.reporting import ListingFault, Reporter
from executor.unit_tests.boxes.streams import HIGH

_WORK: Final = "/box/work"


class TestsBox:
    """The executor as pytest's plug-in sees it. `settings` came from the executor."""

    folder = _WORK

    def __init__(self, settings: dict[str, Any]) -> None:
        relay_in, relay_out, report = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, HIGH) for end in (0, 1, 2))
        null = os.open(os.devnull, os.O_RDWR)
        for end in (0, 1, 2):
            os.dup2(null, end)
        os.close(null)
        self.visibility: str = settings["visibility"]
        self.is_unittest: bool = settings["framework"] == "unittest"
        self.files: list[str] = settings["tests"]
        self._settings = settings
        self.reporter = Reporter(report)
        self._relay = Relay(relay_in, relay_out, self.reporter.lose, settings["output_bytes"], make_handle)
        self._finder = StudentFinder()
        sys.path.insert(0, _WORK)
        sys.dont_write_bytecode = True
        sys.meta_path.append(self._finder)
        teacher.install(settings["entry"])
        abstract.install()
        if settings["module"]:
            self._finder.take(settings["module"])

    def listed(self, entries: list[dict[str, Any]], fault: str) -> list[tuple[int, float] | None]:
        """Report the list, or begin with a list that the executor knows: return the number and the points of each
        test that is to run."""
        if self._settings["numbers"] is None:
            self._tell_list(entries, fault)
        self._begin()
        chosen = {(group, name): (number, points) for number, group, name, points in self._settings["numbers"]}
        return [chosen.get((entry["group"], entry["name"])) for entry in entries]

    def ended(self, fault: str) -> NoReturn:
        """Report that all tests have run."""
        if self._settings["numbers"] is None:
            self.reporter.tell("fault", message=fault or "The tests could not be listed.")
        elif not fault:  # else the tests after this one run in other boxes
            self.reporter.tell("finished")
        os._exit(0)

    def _tell_list(self, entries: list[dict[str, Any]], fault: str) -> NoReturn:
        try:
            if fault:
                raise ListingFault(fault)
            self.reporter.tell("listed", tests=entries, modules=listing.check(entries, self._finder, _WORK, self.files))
        except ListingFault as exc:
            misuse = re.search(r"(\S+, line \d+: the tests are listed without.*?fixtures only\.)", str(exc))
            self.reporter.tell("fault", message=misuse[1] if misuse else str(exc))
        os._exit(0)

    def _begin(self) -> None:
        """Import the student's modules, and put their names in their places."""
        relay, modules = self._relay, self._settings["modules"]
        if failure := self._settings["failure"]:
            relay.failures = dict.fromkeys(modules, failure)
        else:
            self.reporter.tell("start")
            relay.is_listing, relay.is_importing = False, True
            failures = zip(modules, relay.ask("start", *modules), strict=True)
            relay.failures = {name: str(failure) for name, failure in failures if failure}
            bind_names(_WORK)
            outputs = relay.take_outputs()
            self.reporter.tell("started", out=outputs["out"], err=outputs["err"])
        relay.is_listing = relay.is_importing = False
        self._finder.names += modules


def main() -> None:
    """List or run the tests."""
    with open("/box/given/settings.json") as file:
        box = TestsBox(json.load(file))
    try:
        fault = with_pytest.run(box)
    except BaseException:
        fault = traceback.format_exc()
    box.ended(fault)
