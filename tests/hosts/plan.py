"""Decides which cells of the table to fill. A cell is a suite in a configuration, or one part of a long suite."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.hosts.configuration import Configuration
from tests.hosts.errors import HostsError
from tests.hosts.result import Result
from tests.hosts.suites import DOCTOR, SUITES, Suite

#: Seconds that a cell takes in addition to its suite: restoring the snapshot, a login, the start of an executor.
_OVERHEAD_S = 4


@dataclass(frozen=True)
class Cell:
    suite: Suite
    part: str = ""

    @property
    def parts(self) -> int:
        """The number of parts into which the suite is split."""
        return int(self.part.partition("/")[2] or 1)


@dataclass(frozen=True)
class Row:
    configuration: Configuration
    cells: tuple[Cell, ...]


def choose(configurations: Sequence[Configuration], only: Sequence[str], suites: Sequence[str]) -> list[Configuration]:
    """Return the configurations that match a pattern and have one of the suites. An empty list admits all."""
    for pattern in only:
        if not any(fnmatchcase(one.name, pattern) for one in configurations):
            raise HostsError(f"No configuration is named {pattern}. Run with --list to see all.")
    return [
        one
        for one in configurations
        if (not only or any(fnmatchcase(one.name, pattern) for pattern in only))
        and (not suites or set(suites) & set(one.suites))
    ]


def plan(
    configurations: Iterable[Configuration],
    suites: Sequence[str],
    part: str,
    slowness: float,
    results: Iterable[Result] = (),
) -> list[Row]:
    """Return the rows without the cells that have `results`. Each begins with the doctor, which finds how to start."""
    finished = {(one.configuration, one.suite, one.part) for one in results}
    rows = []
    for configuration in configurations:
        cells = [
            Cell(SUITES[name], piece)
            for name in configuration.suites
            if name != DOCTOR.name and (not suites or name in suites)
            for piece in SUITES[name].parts(slowness)
            if not part or not piece or piece == part
        ]
        cells = [cell for cell in cells if (configuration.name, cell.suite.name, cell.part) not in finished]
        if cells or (configuration.name, DOCTOR.name, "") not in finished:
            rows.append(Row(configuration, (Cell(DOCTOR), *cells)))
    return rows


def estimate_s(rows: Iterable[Row], slowness: float) -> float:
    """Return how many seconds the rows will take."""
    return sum((cell.suite.native_s / cell.parts + _OVERHEAD_S) * slowness for row in rows for cell in row.cells)
