"""Shows the findings as a table, and stores them as JSON."""

import json
import os
import platform
import re
import subprocess
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from tabulate import tabulate

from benchmarks.findings import Finding

#: A list of numbers in JSON.
_NUMBERS = re.compile(r"\[[-+.,\de\s]+\]")
_COLUMNS = ("measure", "ours", "beside", "ratio", "target", "met")


def record(findings: Sequence[Finding], command: str) -> dict[str, Any]:
    """Return the record of a run: its time, machine and commit, and all rounds."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "commit": _commit(),
        "command": command,
        "findings": [asdict(finding) for finding in findings],
    }


def write(kept: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_NUMBERS.sub(_on_few_lines, json.dumps(kept, indent=1, ensure_ascii=False)) + "\n")


def _on_few_lines(numbers: re.Match[str]) -> str:
    """Return a list of samples as a paragraph, in millionths."""
    samples = ", ".join(f"{round(number, 6)}" for number in json.loads(numbers[0]))
    return textwrap.fill(f"[{samples}]", width=116, subsequent_indent=" " * 5)


def show(findings: Sequence[Finding]) -> None:
    """Print the table, with colours on a terminal."""
    console = Console()
    if not console.is_terminal:
        print(_table(findings))
        return
    table = Table(*_COLUMNS)
    for row in map(_row, findings):
        table.add_row(*row, style={"no": "red", "yes": "green"}.get(row[-1]))
    console.print(table)


def markdown(kept: dict[str, Any], findings: Sequence[Finding]) -> str:
    """Return the table below a line with the time, the commit, the machine and the command of a `record`."""
    machine = kept["machine"]
    load = ", ".join(f"{load:g}" for load in machine["load_average"])
    where = f"{machine['cores']} cores ({machine['processor']}), {machine['system']}, load average {load} at the start"
    tools = "".join(f"; {code}: {version}" for code, version in kept.get("toolchains", {}).items())
    return f"{kept['date']}, commit {kept['commit']}, {where}: `{kept['command']}`{tools}\n\n{_table(findings)}\n"


def line(finding: Finding) -> str:
    """Return one finding as a line, to show before the table is complete."""
    measure, ours, beside, ratio, target, _ = _row(finding)
    return f"{measure}: {ours} beside {beside} {ratio} {target}".rstrip()


def _table(findings: Sequence[Finding]) -> str:
    rows = [_row(finding) for finding in findings]
    return tabulate(rows, headers=_COLUMNS, tablefmt="github", disable_numparse=True)


def _row(finding: Finding) -> tuple[str, ...]:
    ratio = "" if finding.ratio is None else f"{finding.ratio:.2f}x"
    met = {None: "", True: "yes", False: "no"}[finding.met]
    return finding.measure, finding.ours, finding.beside, ratio, finding.target, met


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return described.stdout.strip() or "unknown"
