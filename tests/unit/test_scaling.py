"""The table of docs/scaling.md is what follows from its second column."""

import re
from pathlib import Path
from typing import Final

_DOCUMENT: Final = Path(__file__).parents[2] / "docs/scaling.md"
_ROW: Final = re.compile(r"^\| (?P<part>[^|\n]+) \| (?P<ms>[\d.*]+) \| [\d*]+ %\** \|.*$", re.MULTILINE)
_PEAK: Final = 4
_BUSY: Final = 0.6


def cores(ms: float, a_day: float) -> str:
    needed = a_day / 86_400 * _PEAK * ms / 1000 / _BUSY
    # Two digits that mean something, and never fewer than the whole cores.
    return f"{needed:.0f}" if needed >= 10 else f"{float(f'{needed:.2g}'):g}"


def row(part: str, ms: float, together: float, mark: str = "") -> str:
    cells = (f"{ms:.2f}", f"{100 * ms / together:.0f} %", cores(ms, 1e6), cores(ms, 1e8))
    return " | ".join(["| " + mark + part + mark, *(f"{mark}{cell}{mark}" for cell in cells)]) + " |"


def test_the_table_is_worked_out_from_what_was_measured() -> None:
    rows = list(_ROW.finditer(_DOCUMENT.read_text()))
    parts = {found["part"]: float(found["ms"]) for found in rows if "*" not in found["ms"]}
    together = sum(parts.values())
    expected = [row(part, ms, together) for part, ms in parts.items()]
    expected.append(row("together", together, together, mark="**"))
    assert [found[0] for found in rows] == expected
