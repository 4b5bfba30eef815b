"""Prints what a user downloads to install a wheel, and how long the first start takes.

`python -m benchmarks.install WHEEL...`, with the wheels that `make release` has built.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

_PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14", "3.15")
_MB: Final = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", nargs="+", type=Path, metavar="WHEEL")
    wheels: list[Path] = parser.parse_args().wheels
    print("| machine | Python | packages | download | the wheel itself |")
    print("|---|---|---|---|---|")
    for wheel in wheels:
        for python in _PYTHONS:
            count, size = _closure(wheel, python)
            own = wheel.stat().st_size
            print(f"| {_machine(wheel)} | {python} | {count} | {size / _MB:.1f} MB | {own / _MB:.1f} MB |", flush=True)
    for wheel in wheels:
        if _machine(wheel) == os.uname().machine:
            elapsed, cpu = _first_start(wheel)
            print(f"\n`uvx precieux --version`, nothing cached: {elapsed:.1f} s, and {cpu:.1f} s of CPU.")
            print(f"Load average: {os.getloadavg()[0]:.0f}.")


def _machine(wheel: Path) -> str:
    return wheel.stem.partition("manylinux_2_28_")[2]


def _closure(wheel: Path, python: str) -> tuple[int, int]:
    """Return the number and the bytes of all packages that an installation downloads, the wheel included."""
    platforms = [f"--platform=manylinux_2_{minor}_{_machine(wheel)}" for minor in (28, 27, 26, 24, 17)]
    options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", f"--python-version={python}"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", *options, *platforms, "--dest", folder, str(wheel)]
        subprocess.run(command, check=True)
        sizes = [file.stat().st_size for file in Path(folder).iterdir()]
    return len(sizes), sum(sizes)


def _first_start(wheel: Path) -> tuple[float, float]:
    """Return the elapsed time and the CPU time of `uvx precieux --version` without a cache."""
    with tempfile.TemporaryDirectory() as cache:
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "uv", "tool", "run", "--from", str(wheel), "precieux", "--version"]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "UV_CACHE_DIR": cache})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, cpu


if __name__ == "__main__":
    main()
