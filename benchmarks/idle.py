"""Measures what the whole system takes while it is idle: `python -m benchmarks.idle`.

It needs root. It prints a table of the memory by kind of process, 20 s after `precieux up` was ready, and the CPU time
and wake-ups of the next minute. Memory is PSS: of a page that n processes share, each has the n-th part. Pages of files
that programs outside of the system use too count less, so compare totals of the same machine, or the anonymous memory.
"""

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tabulate import tabulate

from benchmarks.processes import cpu_seconds
from precieux.up.temporary_server import TemporaryServer
from tests.fixtures.processes import arguments, pids_below

_SETTLE_S: Final = 20.0
_WATCH_S: Final = 60.0
#: What a command line contains -> the kind of process; the first that fits.
_KINDS: Final = (
    (r"precieux up$", "`precieux up`"),
    (r"-m (api_service|job_runner|queue_consumer|executor)$", r"`\1`"),
    (r"^postgres: precieux", "Postgres: connections"),
    (r"postgres", "Postgres: server"),
    (r"bwrap|keeper\.pyz", "keeper and its wall"),
    (r"/zygote\.py", "Python: zygote and boxes"),
    (r"node ", "Node: zygote and boxes"),
    (r"/box/zygote", "other boxes"),
)
_MEMORY: Final = ("Pss", "Pss_Anon", "Pss_File", "Pss_Shmem")


@dataclass(frozen=True, slots=True)
class Sample:
    """One process: its memory in KiB by the fields of smaps_rollup, its CPU time and how often it went to sleep."""

    kind: str
    memory: Counter[str]
    cpu_s: float
    sleeps: int


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("benchmarks.idle: run it as root, because only root may read the memory of boxes.")
    with TemporaryServer() as system:
        time.sleep(_SETTLE_S)
        before = samples(system.process.pid)
        time.sleep(_WATCH_S)
        after = samples(system.process.pid)
    show(before, after)


def samples(pid: int) -> dict[int, Sample]:
    """Return the samples of a process and its descendants, by their ids."""
    found = {each: _sample(each) for each in (pid, *pids_below(pid))}
    return {each: sample for each, sample in found.items() if sample}


def kind_of(command: str) -> str:
    """Return the kind of process for its command line."""
    matches = ((re.search(pattern, command.rstrip()), kind) for pattern, kind in _KINDS)
    return next((match.expand(kind) for match, kind in matches if match), "others")


def show(before: dict[int, Sample], after: dict[int, Sample]) -> None:
    """Print a table with a row for each kind of process, the largest first."""
    kinds = Counter[str]()
    for sample in before.values():
        kinds[sample.kind] += sample.memory["Pss"]
    rows = [_row(kind, before, after, [kind]) for kind, _ in kinds.most_common()]
    rows.append(_row("all", before, after, kinds))
    head = ["process", "number", "PSS (MiB)", "anonymous", "files", "shared memory", "CPU of a core", "wake-ups/s"]
    print(tabulate(rows, head, tablefmt="github", disable_numparse=True))
    print(f"load average: {' '.join(Path('/proc/loadavg').read_text().split()[:3])}", file=sys.stderr)


def _row(name: str, before: dict[int, Sample], after: dict[int, Sample], kinds: Iterable[str]) -> list[str]:
    chosen = {pid: sample for pid, sample in before.items() if sample.kind in kinds}
    memory = sum((sample.memory for sample in chosen.values()), Counter[str]())
    # A process that has ended meanwhile is left out.
    pairs = [(sample, after[pid]) for pid, sample in chosen.items() if pid in after]
    cpu = sum(later.cpu_s - sooner.cpu_s for sooner, later in pairs) / _WATCH_S
    sleeps = sum(later.sleeps - sooner.sleeps for sooner, later in pairs) / _WATCH_S
    mebibytes = [f"{memory[field] / 1024:.1f}" for field in _MEMORY]
    return [name, str(len(chosen)), *mebibytes, f"{cpu:.2%}", f"{sleeps:.1f}"]


def _sample(pid: int) -> Sample | None:
    """Return None if the process has ended."""
    folder = Path(f"/proc/{pid}")
    try:
        memory = dict(re.findall(r"^(\w+): +(\d+) kB$", (folder / "smaps_rollup").read_text(), re.MULTILINE))
        statuses = [path.read_text() for path in folder.glob("task/*/status")]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Sample(
        kind=kind_of(" ".join(arguments(pid))),
        memory=Counter({field: int(memory[field]) for field in _MEMORY}),
        cpu_s=cpu_seconds(pid),
        sleeps=sum(
            int(n) for status in statuses for n in re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)
        ),
    )


if __name__ == "__main__":
    main()
