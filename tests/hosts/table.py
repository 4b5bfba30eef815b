"""Formats the table: a row for each configuration, a column for each suite, and a list of failures below."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from tests.hosts.configuration import Configuration
from tests.hosts.facts import Facts
from tests.hosts.result import Result
from tests.hosts.suites import SUITES


@dataclass(frozen=True)
class Line:
    """A row. `cells` has the results by suite, and none for a suite that was not run. `expected` is for the doctor."""

    title: str
    name: str
    expected: str
    cells: dict[str, Result]


def build_lines(configurations: Sequence[Configuration], results: Iterable[Result]) -> list[Line]:
    by_cell: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        by_cell.setdefault((result.configuration, result.suite), []).append(result)
    lines = []
    for one in configurations:
        cells = {suite: merge_parts(by_cell[one.name, suite]) for suite in SUITES if (one.name, suite) in by_cell}
        if cells:
            lines.append(Line(one.title, one.name, expected(one), cells))
    return lines


def expected(configuration: Configuration) -> str:
    return f"{configuration.expect}; then {configuration.then}" if configuration.then else str(configuration.expect)


def merge_parts(parts: Sequence[Result]) -> Result:
    """Return one result for all parts of a suite."""
    if len(parts) == 1 and not parts[0].part:
        return parts[0]
    ordered = sorted(parts, key=lambda result: int(result.part.partition("/")[0] or 0))
    part_count = max(int(result.part.partition("/")[2] or 1) for result in parts)
    passed, total = sum(one.passed for one in parts), sum(one.total for one in parts)
    ok = all(one.ok for one in parts)
    words = [str(passed) if ok else f"{passed} of {total}"]
    words += [f"part {one.part}: {one.words}" for one in ordered if not one.total]
    if len(parts) < part_count:
        words.append(f"{len(parts)} of {part_count} parts")
    first = ordered[0]
    details = tuple(detail for one in ordered for detail in one.details)
    seconds = sum(one.seconds for one in parts)
    return Result(first.configuration, first.suite, ok, "; ".join(words), seconds, details, passed, total)


def heading(facts: Facts) -> str:
    how = "KVM" if facts.how == "KVM" else f"emulated, {facts.slowness:g} times slower than a quiet machine of today"
    return (
        f"{facts.date}, commit {facts.commit}: Debian {facts.debian} on {facts.architecture}, "
        f"kernel {facts.kernel}, systemd {facts.systemd}, Docker {facts.docker}, bubblewrap {facts.bubblewrap}; "
        f"{facts.processors} processors ({how})"
    )


def verdict(lines: Sequence[Line]) -> str:
    wrong = [line.name for line in lines if not all(cell.ok for cell in line.cells.values())]
    if not wrong:
        return f"All {len(lines)} configurations are as expected."
    return f"{len(wrong)} of {len(lines)} configurations are not as expected: {', '.join(wrong)}"


def failures(lines: Sequence[Line]) -> list[str]:
    """Return a line for each failure. A suite that was not run has none; the doctor's failures say why."""
    return [
        f"{line.name}, {suite}: {' '.join(detail.split())}"
        for line in lines
        for suite, cell in line.cells.items()
        if not cell.ok
        for detail in cell.details
    ]


def for_terminal(lines: Sequence[Line]) -> Table:
    suites = _columns(lines)
    table = Table("Configuration", "Expected", *suites, header_style="bold", box=None, pad_edge=False)
    for line in lines:
        cells = [_coloured(line.cells.get(suite)) for suite in suites]
        table.add_row(Text(line.title), Text(line.expected, style="dim"), *cells)
    return table


def for_pipe(lines: Sequence[Line]) -> list[str]:
    """Return tab-separated lines, of which the first has the headers."""
    suites = _columns(lines)
    rows = [["name", "expected", *suites]]
    rows += [[line.name, line.expected, *(_plain(line.cells.get(suite)) for suite in suites)] for line in lines]
    return ["\t".join(row) for row in rows]


def for_markdown(lines: Sequence[Line]) -> list[str]:
    suites = _columns(lines)
    rows = [["configuration", "expected", *suites], ["---"] * (len(suites) + 2)]
    for line in lines:
        name = f"{line.title} (`{line.name}`)"
        rows.append([name, line.expected, *(_markdown(line.cells.get(suite)) for suite in suites)])
    return [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in rows]


def _columns(lines: Sequence[Line]) -> list[str]:
    return [suite for suite in SUITES if any(suite in line.cells for line in lines)]


def _coloured(cell: Result | None) -> Text:
    return Text("-", style="dim") if cell is None else Text(cell.words, style="green" if cell.ok else "bold red")


def _plain(cell: Result | None) -> str:
    return "-" if cell is None else cell.words if cell.ok else f"NOT OK: {cell.words}"


def _markdown(cell: Result | None) -> str:
    return "" if cell is None else cell.words if cell.ok else f"**{cell.words}**"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
