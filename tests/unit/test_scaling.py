"""The table of docs/scaling.md is what follows from the measured costs."""

import json
import re
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_ROW: Final = re.compile(r"^\| [^|\n]+ \| [\d.*]+ \| [\d*]+ %\** \|.*$", re.MULTILINE)
#: The part in costs.json -> its name in the table.
_PARTS: Final = {
    "api_service": "api_service, two requests",
    "queue_consumer": "queue_consumer",
    "job_runner": "job_runner",
    "executor": "executor, beside the program's own time",
    "postgres": "Postgres",
    "rabbitmq": "RabbitMQ",
}
_PEAK: Final = 4
_BUSY: Final = 0.6


def measured() -> dict[str, float]:
    """Return the CPU time of each part for one submission, in milliseconds."""
    findings = json.loads((_ROOT / "benchmarks/results/costs.json").read_text())["findings"]
    costs = {finding["measure"].partition(",")[0]: finding["ours"].split() for finding in findings}
    return {name: float(costs[part][0]) for part, name in _PARTS.items()}


def cores(ms: float, a_day: float) -> str:
    needed = a_day / 86_400 * _PEAK * ms / 1000 / _BUSY
    # Two significant digits, and never fewer than the whole cores.
    return f"{needed:.0f}" if needed >= 10 else f"{float(f'{needed:.2g}'):g}"


def row(part: str, ms: float, together: float, mark: str = "") -> str:
    cells = (f"{ms:.2f}", f"{100 * ms / together:.0f} %", cores(ms, 1e6), cores(ms, 1e8))
    return " | ".join(["| " + mark + part + mark, *(f"{mark}{cell}{mark}" for cell in cells)]) + " |"


def test_the_table_follows_from_the_measured_costs() -> None:
    parts = measured()
    together = sum(parts.values())
    expected = [row(part, ms, together) for part, ms in parts.items()]
    expected.append(row("together", together, together, mark="**"))
    assert _ROW.findall((_ROOT / "docs/scaling.md").read_text()) == expected
