"""Which cells of the table are to be filled: a configuration, a suite, and of long suites a part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.hosts.configuration import Configuration
from tests.hosts.errors import HostsError
from tests.hosts.result import Result
from tests.hosts.suites import DOCTOR, SUITES, Suite

#: What a cell takes beside its suite: setting the machine back, a login, the start of an executor.
_BESIDE_S = 4


@dataclass(frozen=True)
class Cell:
    suite: Suite
    part: str = ""


@dataclass(frozen=True)
class Row:
    configuration: Configuration
    cells: tuple[Cell, ...]


def choose(configurations: Sequence[Configuration], only: Sequence[str], suites: Sequence[str]) -> list[Configuration]:
    """Return the configurations that match a pattern (all, if there is none) and have one of the suites."""
    for pattern in only:
        if not any(fnmatchcase(one.name, pattern) for one in configurations):
            raise HostsError(f"No configuration is named {pattern}; --list shows all.")
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
    done: Iterable[Result] = (),
) -> list[Row]:
    """The doctor comes first in every row, since it says how the executor is started. What is done is left out."""
    finished = {(one.configuration, one.suite, one.part) for one in done}
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
    return sum(
        (cell.suite.native_s + _BESIDE_S) * slowness / len(cell.suite.parts(slowness))
        for row in rows
        for cell in row.cells
    )
