"""`python -m tests.audit` looks for known holes in the locked packages; `make lint` runs it.

It asks OSV for the Python packages, and npm's registry for the scripts that pages load. Where one of them is out of
reach, it says that nobody has looked, and passes; with `--must-look`, it fails.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).parents[1]
_EXCEPTIONS: Final = Path(__file__).with_name("audit_exceptions.toml")
_TIMEOUT_S: Final = 300
#: All are named, because pip-audit does not follow the line `-r` of a lock.
_LOCKS: Final = sorted(_ROOT.glob("deploy/requirements/*.txt"))


class NotLooked(Exception):
    """The data about known holes were not reached, or not for each package."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A known hole of a locked package. `ids` are its names in all lists."""

    package: str
    ids: frozenset[str]


def of_pip_audit(answer: str) -> list[Hole]:
    """Return the holes in an answer of pip-audit. Raise `NotLooked` if a package was left out."""
    packages = _object(answer).get("dependencies")
    if not packages:
        raise NotLooked("pip-audit gave no list of packages")
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped:
        raise NotLooked(f"there are no data about {', '.join(skipped)}")
    return [
        Hole(f"{package['name']} {package['version']}", frozenset({hole["id"], *hole.get("aliases", ())}))
        for package in packages
        for hole in package["vulns"]
    ]


def of_npm(answer: str) -> list[Hole]:
    """Return the holes in an answer of `npm audit --json`. Raise `NotLooked` if it is an error."""
    packages = _object(answer).get("vulnerabilities")
    if packages is None:
        raise NotLooked("npm's registry gave no list of holes")
    # A text in `via` is another package of the answer, by which this one is reached.
    return [
        Hole(name, frozenset({via["url"].rpartition("/")[2]}))
        for name, package in packages.items()
        for via in package["via"]
        if isinstance(via, Mapping)
    ]


def faults(holes: Sequence[Hole], exceptions: Sequence[Mapping[str, Any]], today: date) -> list[str]:
    """Return a line for each hole without an exception, and for each exception whose day has passed."""
    excepted = {exception["id"] for exception in exceptions}
    found = [f"{hole.package}: {', '.join(sorted(hole.ids))}" for hole in holes if not hole.ids & excepted]
    late = [exception for exception in exceptions if exception["look_again"] < today]
    return found + [f"{_EXCEPTIONS.name}: look again at {exception['id']}: {exception['reason']}" for exception in late]


def _object(answer: str) -> Mapping[str, Any]:
    try:
        value = json.loads(answer)
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _answer(command: Sequence[str | Path], folder: Path) -> str:
    """Return what an audit prints. Its exit code is the same for a hole and for an error, so it says nothing."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as exc:
        raise NotLooked(f"it took more than {_TIMEOUT_S} s") from exc
    return done.stdout


def _python_holes() -> list[Hole]:
    locks = [word for lock in _LOCKS for word in ("-r", lock)]
    options = ["--disable-pip", "--vulnerability-service=osv", "--aliases=on"]
    options += ["--progress-spinner=off", "--format=json"]
    return of_pip_audit(_answer([sys.executable, "-m", "pip_audit", *options, *locks], _ROOT))


def _script_holes() -> list[Hole]:
    npm = shutil.which("npm")
    if not npm:
        raise NotLooked("npm is not installed")
    return of_npm(_answer([npm, "audit", "--package-lock-only", "--json"], _ROOT / "deploy/vendor"))


def main() -> None:
    """Print what was looked at, and end with 1 if there is a fault."""
    holes: list[Hole] = []
    must_look = "--must-look" in sys.argv[1:]
    has_failed = False
    for title, look in (("Python packages", _python_holes), ("scripts of pages", _script_holes)):
        try:
            found = look()
        except NotLooked as exc:
            print(f"{title}: NOT LOOKED for known holes: {exc}")
            has_failed |= must_look
        else:
            print(f"{title}: {len(found)} known holes")
            holes += found
    exceptions = tomllib.loads(_EXCEPTIONS.read_text())["exceptions"]
    for fault in faults(holes, exceptions, datetime.now(UTC).date()):
        print(fault)
        has_failed = True
    sys.exit(has_failed)


if __name__ == "__main__":
    main()
