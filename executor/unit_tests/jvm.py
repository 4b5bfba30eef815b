"""The boxes of unit tests in Java: their commands, the files that each is given, and what is compiled for them.

Pure but for the reading of JUnit's archives.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from executor import limits
from executor.catalogue.installed import Installed
from executor.pipeline.plan import cold_box
from executor.sandbox.base import GIVEN, Job, Step, WorkFile, all_files
from executor.settings import MIB, ExecutorSettings

#: Where Debian's package junit5 and what it needs have their archives.
_FOLDER: Final = Path("/usr/share/java")
_NEEDED: Final = (
    "apiguardian-api", "junit-jupiter-api", "junit-jupiter-engine", "junit-jupiter-params", "junit-platform-commons",
    "junit-platform-engine", "junit-platform-launcher", "opentest4j",
)  # fmt: skip
#: What tests with parameters in CSV need beside these.
_ALSO: Final = "univocity-parsers"
#: What to do on a machine without them.
INSTALL: Final = "run `apt install junit5`, and restart the executor."
_ARCHIVE: Final = "boxes.jar"
_SHELL: Final = "/bin/sh"
#: The boxes find the relay at 7 and 8, and reports go to 9.
_START: Final = {
    "tests": 'exec 7<&0 8>&1 9<&2 </dev/null >/dev/null 2>&1; exec "$@"',
    "student": 'exec 7<&0 8>&1 </dev/null >/dev/null 2>&1; exec "$@"',
}
_MAIN: Final = {"tests": "precieux.TestsBox", "student": "precieux.Agent"}
_OF_STUDENT: Final = re.compile(r"precieux/(Agent|Json|Lines|Throwables|Types|Values)(\$.*)?\.class")
_DIAGNOSTICS_BYTES: Final = 16384


@cache
def jars() -> Mapping[str, bytes]:
    """Return JUnit's archives by name; {} if they are not all there."""
    files = {name: _FOLDER / f"{name}.jar" for name in _NEEDED}
    if not all(file.is_file() for file in files.values()):
        return {}
    also = _FOLDER / f"{_ALSO}.jar"
    return {f"{name}.jar": file.read_bytes() for name, file in files.items()} | (
        {also.name: also.read_bytes()} if also.is_file() else {}
    )


def version() -> str | None:
    """Return the version of JUnit that is installed; None without it."""
    found = re.search(r"-(\d[\d.]*\d)\.jar", (_FOLDER / "junit-jupiter-api.jar").resolve().name)
    return (found[1] if found else "5") if jars() else None


def command(box: str, run: Sequence[str], memory_bytes: int) -> tuple[str, ...]:
    """Return the command of a box. `run` are the words that run a program of the language, the options first."""
    place = run.index("-cp")
    heap = [f"-Xmx{memory_bytes >> 20}m" if word.startswith("-Xmx") else word for word in run[:place]]
    words = heap if box == "tests" else run[:place]
    own = _path() if box == "tests" else [f"{GIVEN}/{_ARCHIVE}"]
    opened = "--add-opens=java.base/java.io=ALL-UNNAMED"
    path = ":".join([*own, run[place + 1]])
    return _SHELL, "-c", _START[box], _SHELL, *words, opened, "-cp", path, _MAIN[box]


def given(box: str, archive: bytes, settings: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files that a box is given, by name."""
    own = {_ARCHIVE: archive, "settings.json": json.dumps(settings).encode()}
    return {**own, **jars()} if box == "tests" else own


def own_code(installed: Installed, settings: ExecutorSettings) -> Job:
    """Return the job that compiles our own code for both boxes."""
    sources = _sources()
    return _compilation(installed, settings, sources, sources, dict(jars()))


def archives(classes: Mapping[str, WorkFile]) -> tuple[bytes, bytes]:
    """Return the archives for the tests' box and for the student's."""
    made = {name: file.content for name, file in classes.items() if name.endswith(".class")}
    return _archive(made, sorted(made)), _archive(made, sorted(filter(_OF_STUDENT.fullmatch, made)))


def tests_code(installed: Installed, settings: ExecutorSettings, archive: bytes, files: Mapping[str, bytes]) -> Job:
    """Return the job that compiles the tests."""
    sources = [path for path in files if path.endswith(".java")]
    return _compilation(installed, settings, files, sources, {_ARCHIVE: archive, **jars()})


def _sources() -> dict[str, bytes]:
    folder = resources.files("executor.unit_tests") / "java"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".java")}


def _compilation(
    installed: Installed,
    settings: ExecutorSettings,
    files: Mapping[str, bytes],
    sources: Iterable[str],
    beside: Mapping[str, bytes],
) -> Job:
    argv = (
        *(installed.tools["javac"], "-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto", "-g"),
        *("-encoding", "UTF-8", "-parameters", "-proc:none", "-cp", ":".join([*_path(), "."]), "-d", "."),
        *(f"./{path}" for path in sources),
    )
    step = Step(argv, {}, limits.compile_step_limits(settings), _DIAGNOSTICS_BYTES, merge_output=True)
    work = {path: WorkFile(content) for path, content in files.items()}
    return Job(work, step, cold_box(settings), all_files(min(settings.max_disk_bytes, 8 * MIB)), beside)


def _path() -> list[str]:
    return [f"{GIVEN}/{name}" for name in (_ARCHIVE, *jars())]


def _archive(made: Mapping[str, bytes], names: Iterable[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), made[name])
    return buffer.getvalue()
