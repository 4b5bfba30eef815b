"""Writes the locks in `deploy/requirements`: `make lock`, or `make lock args=--upgrade` for the newest versions.

All groups are resolved together, so that a package has one version. A lock includes the one that it builds upon.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_FOLDER: Final = Path("deploy/requirements")

_SERVICES: Final = ["pyproject.toml", "--extra", "mcp"]

#: The lock, what it holds, and the lock that it includes.
_LOCKS: Final = (
    ("executor", ["--group", "executor"], None),
    ("service", _SERVICES, "executor"),
    ("dev", [*_SERVICES, "--group", "dev"], "service"),
    ("build", ["--group", "build"], None),
)


def _entries(text: str) -> list[str]:
    """Return the packages of a lock, each with its hashes."""
    return [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("-r ")]


def _compile(file: Path, *arguments: str | Path) -> None:
    """Resolve packages into a file. What the file names already keeps its version."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    index = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    environment = {"UV_SYSTEM_CERTS": "true", **({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ}
    command = [sys.executable, "-m", "uv", "pip", "compile", *arguments, "--quiet", "--universal"]
    command += ["--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url"]
    command += ["--no-emit-find-links", "--output-file", file]
    subprocess.run(command, env=environment, check=True)


def main() -> None:
    """Write each lock without the packages of the one that it includes."""
    with tempfile.TemporaryDirectory() as temporary:
        everything = Path(temporary, "all.txt")
        before = [entry for file in sorted(_FOLDER.glob("*.txt")) for entry in _entries(file.read_text())]
        everything.write_text("\n".join(before))
        _compile(everything, *_SERVICES, "--group", "dev", "--group", "build", *sys.argv[1:])
        locked: dict[str, list[str]] = {}
        for name, packages, included in _LOCKS:
            file = Path(temporary, f"{name}.txt")
            _compile(file, *packages, "--generate-hashes", "--constraints", everything)
            locked[name] = _entries(file.read_text())
            base = locked[included] if included else []
            lines = [f"-r {included}.txt"] if included else []
            lines += [entry for entry in locked[name] if entry not in base]
            (_FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
