"""Writes the tables of docs/scaling.md: `python -m benchmarks.simulation --write-docs`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.simulation.costs import Costs
from benchmarks.simulation.installation import Load, percentile, simulate
from benchmarks.simulation.plan import BUSY, DAY, MAILS, PEAK, SUBMISSIONS, Plan, limits, plan

PAGE: Final = Path(__file__).parents[2] / "docs/scaling.md"
#: Ten cells of the last one carry a hundred million.
VOLUMES: Final = (100_000, 1_000_000, 10_000_000)
_FEWER: Final = (1_000_000, (10, 8, 7, 6))
_MARK: Final = "<!-- {name}: written by `python -m benchmarks.simulation --write-docs` -->\n"
_END: Final = "<!-- until here -->"
_PARTS: Final = {
    "api": "api_service, two requests",
    "consumer": "queue_consumer",
    "runner": "job_runner",
    "executor": "executor, beside the program's own time",
    "postgres": "Postgres",
    "rabbitmq": "RabbitMQ",
}


def arithmetical(costs: Costs) -> dict[str, str]:
    """Return the tables that need no simulation, by name."""
    return {"costs": costs_table(costs), "limits": limits_table(costs)}


def simulated(costs: Costs) -> dict[str, str]:
    """Return the tables of what was simulated, by name."""
    return {"plans": plans_table([plan(volume, costs) for volume in VOLUMES]), "fewer": fewer_table(costs)}


def costs_table(costs: Costs) -> str:
    """Return what a submission costs each part, and how many cores a day of them needs."""
    rows: list[tuple[str, ...]] = [("part", "CPU, ms", "share", "cores, 1 million a day", "cores, 100 million")]
    for part, name in _PARTS.items():
        rows.append(_costs_row(name, getattr(costs, part), costs.together))
    rows.append(tuple(f"**{cell}**" for cell in _costs_row("together", costs.together, costs.together)))
    return table(rows)


def _costs_row(name: str, seconds: float, together: float) -> tuple[str, ...]:
    def cores(a_day: float) -> str:
        needed = a_day / DAY * PEAK * seconds / BUSY
        # Two significant digits, and never fewer than the whole cores.
        return f"{needed:.0f}" if needed >= 10 else f"{float(f'{needed:.2g}'):g}"

    return (name, f"{1000 * seconds:.2f}", f"{100 * seconds / together:.0f} %", cores(1e6), cores(1e8))


def plans_table(plans: Iterable[Plan]) -> str:
    """Return one row for each plan."""
    rows: list[tuple[str, ...]] = [
        (
            "a day",
            "at the peak",
            "API",
            "consumers",
            "runners",
            "executors",
            "Postgres, cores",
            "connections",
            "delay, median",
            "delay, 99 %",
        )
    ]
    for each in plans:
        size = each.size
        numbers = (size.api, size.consumer, size.runner, size.executor, size.postgres, each.connections)
        delays = (milliseconds(each.delay_median), milliseconds(each.delay_p99))
        rows.append((f"{each.a_day:,}", f"{each.rate:.1f}/s", *map(str, numbers), *delays))
    return table(rows)


def fewer_table(costs: Costs) -> str:
    """Return the delays with fewer executors than planned."""
    a_day, numbers = _FEWER
    planned = plan(a_day, costs)
    load = Load(rate=a_day / DAY * PEAK, program=planned.program)
    rows: list[tuple[str, ...]] = [("executors", "busy", "delay, median", "delay, 99 %")]
    for executors in numbers:
        seen = simulate(replace(planned.size, executor=executors), load, costs, submissions=SUBMISSIONS)
        delays = (milliseconds(percentile(seen.delays, part)) for part in (0.5, 0.99))
        rows.append((str(executors), f"{100 * seen.busy['executor']:.0f} %", *delays))
    return table(rows)


def limits_table(costs: Costs, mails: float = MAILS) -> str:
    """Return the limits of what is there once, the nearest first."""
    rows = [("what", "for each submission", "limit a second", "reached at", "source")]
    for each in limits(costs, mails):
        most, a_day = f"{each.most:,g} {each.unit}", f"{each.a_day / 1e6:.0f} million a day"
        rows += [(each.what, f"{each.each:.2g}", most, a_day, each.source)]
    return table(rows)


def milliseconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; the first row is its head."""
    head, *body = (f"| {' | '.join(row)} |\n" for row in rows)
    return f"{head}|{'---|' * len(rows[0])}\n{''.join(body)}"


def written(page: str, tables: dict[str, str]) -> str:
    """Return the page with these tables between their marks."""
    for name, content in tables.items():
        before, mark, rest = page.partition(_MARK.format(name=name))
        _, end, after = rest.partition(_END)
        if not mark or not end:
            raise ValueError(f"docs/scaling.md has no marks for the table {name!r}")
        page = f"{before}{mark}\n{content}\n{end}{after}"
    return page
