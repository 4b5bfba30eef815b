"""Measures Python programs that import slow libraries beside the bare interpreter: `python -m benchmarks.libraries`.

The libraries are installed once into the cache folder, as an operator's are. The bare `python3 f.py` imports the same
files. Each pair runs both in turn, so the ratios have a meaning on a busy machine too.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks import pairs, programs, report
from benchmarks.cpu_meter import rest
from benchmarks.engine import Engine, engine, versions
from benchmarks.findings import Finding
from benchmarks.pairs import Bench, Pace
from benchmarks.programs import Program
from benchmarks.targets import Target
from executor.languages import known
from executor.libraries.chosen import Libraries, install_libraries
from executor.settings import ExecutorSettings
from executor.warm.headers import find_folder

_PACKAGES: Final = "matplotlib,numpy,pandas,scipy"
#: env(1) gives the bare interpreter the folder of the libraries, which is not known before.
_BARE: Final = (("/usr/bin/env", "PYTHONUSERBASE={user_base}", "MPLCONFIGDIR={user_base}", "{python}", "f.py"),)
_START_SECONDS: Final = 30.0
#: Of issue 19, and of issue 22.
_NUMPY: Final = Target(0.3, 0.2)


def _program(name: str, imports: str, computes: str = "") -> Program:
    source = f"{imports}\n{computes}print('Hello, world!', NUMBER)\n"
    return Program("py", name, "f.py", _BARE, source, "Hello, world! NUMBER\n")


_PROGRAMS: Final = (
    _program("import numpy", "import numpy"),
    _program("numpy, a product of matrices", "import numpy as np", "a = np.ones((200, 200))\na @ a\n"),
    _program("import pandas", "import pandas as pd"),
    _program("scipy.stats", "from scipy import stats", "stats.norm.cdf(1.0)\n"),
    _program("matplotlib, a figure", "import matplotlib.pyplot as plt", "plt.plot([1, 2])\nplt.savefig('f.png')\n"),
)


def main() -> int:
    """Run the benchmark. Return 0 if the target was met, 1 if it was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.libraries", description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="of each program")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for all rounds")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    cache = find_folder(ExecutorSettings().executor_cache_dir, "libraries")
    libraries = install_libraries(ExecutorSettings(python_packages=_PACKAGES), cache)
    assert cache
    settings = {"python_packages": _PACKAGES, "executor_cache_dir": str(cache.parent)}
    with tempfile.TemporaryDirectory(prefix="precieux-benchmark-") as folder, engine(**settings) as ours:
        findings = asyncio.run(_measure(ours, Path(folder), libraries, Pace(chosen.pairs, 300.0, warm_up=3)))
        kept = report.record(findings, command=f"python -m benchmarks.libraries --pairs {chosen.pairs}")
        kept["toolchains"] = {one.name: one.version for one in libraries.by_language["py"]}
        if chosen.json:
            report.write(kept, chosen.json)
    report.show(findings)
    return int(any(finding.met is False for finding in findings))


async def _measure(ours: Engine, folder: Path, libraries: Libraries, pace: Pace) -> list[Finding]:
    tools = known()["py"].toolchain()
    assert tools
    await versions(ours)
    await rest(ours.meter, _START_SECONDS)
    bench = Bench(ours, {"py": {**tools, "user_base": _user_base(folder, libraries)}}, programs.numbers(), folder)
    findings: list[Finding] = []
    for program in _PROGRAMS:
        series = await pairs.series_of(bench, program, pace)
        target = _NUMPY if program.name == "import numpy" else None
        for finding in pairs.findings(program, series, target, None):
            findings.append(finding)
            print(report.line(finding), file=sys.stderr, flush=True)
    return findings


def _user_base(folder: Path, libraries: Libraries) -> str:
    """Return a folder in which Python finds the libraries as it does in a box."""
    ((inside, host),) = libraries.folders.items()
    base = Path(known()["py"].library_environment["PYTHONUSERBASE"])
    link = folder / "base" / Path(inside).relative_to(base)
    link.parent.mkdir(parents=True)
    link.symlink_to(host)
    return str(folder / "base")


if __name__ == "__main__":
    sys.exit(main())
