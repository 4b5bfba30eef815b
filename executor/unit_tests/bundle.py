"""The code that the two boxes of unit tests get, compiled by their Python: our own, and pytest for the tests.

It is made once, at the first unit tests. A file of it is never on the path of the student's programs.
"""

import asyncio
import importlib.metadata
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import Final

from executor import limits
from executor.catalogue.installed import Installed
from executor.pipeline.plan import cold_box
from executor.sandbox.base import GIVEN, Job, Sandbox, SandboxFailure, Step, WorkFile, all_files, find_python
from executor.settings import ExecutorSettings
from executor.unit_tests import jvm
from shared.engine_api.unit_tests import UnitTestFramework

#: The file in the folder `GIVEN` that holds the code.
ARCHIVE: Final = "boxes.zip"
#: pytest and what it needs. The packages are the executor's own, of the versions in `deploy/requirements`.
_DISTRIBUTIONS: Final = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
#: Of pygments, pytest needs a few of its many lexers, formatters and styles.
_OF_PYGMENTS: Final = ("__init__.py", "_mapping.py", "terminal.py", "diff.py", "python.py", "_builtin_types.py")
_BOXES: Final = "executor/unit_tests/boxes"
_OF_STUDENT: Final = (
    "executor/__init__", "executor/unit_tests/__init__",
    *(f"{_BOXES}/{name}" for name in ("__init__", "agent", "streams", "values")),
)  # fmt: skip
_DIAGNOSTICS_BYTES: Final = 65536


@dataclass(frozen=True)
class Bundle:
    """The archives for each side."""

    tests: bytes = field(repr=False)
    student: bytes = field(repr=False)


class Bundles:
    """Makes the bundle at the first call, and keeps it."""

    def __init__(self, sandbox: Sandbox, settings: ExecutorSettings) -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._making = asyncio.Lock()
        self._bundles: dict[str, Bundle] = {}

    async def get(self, framework: UnitTestFramework, installed: Installed) -> Bundle:
        """Return the bundle, which is empty for Node's boxes. Raises `SandboxFailure` if it cannot be made."""
        if framework == UnitTestFramework.NODE:
            return Bundle(b"", b"")
        async with self._making:
            if installed.code not in self._bundles:
                made = await (self._make_java(installed) if framework == UnitTestFramework.JUNIT else self._make())
                self._bundles[installed.code] = made
            return self._bundles[installed.code]

    async def _make_java(self, installed: Installed) -> Bundle:
        compiled = await self._sandbox.run(jvm.own_code(installed, self._settings))
        if not compiled.succeeded:
            raise SandboxFailure(f"the code of unit tests cannot be compiled: {compiled.why_failed}")
        return Bundle(*jvm.archives(compiled.compiled_files))

    async def _make(self) -> Bundle:
        settings = self._settings
        files = {name: WorkFile(content) for name, content in {**_own_files(), **dict(_packages())}.items()}
        argv = (find_python(), "-m", "compileall", "-q", "-b", "-d", f"{GIVEN}/{ARCHIVE}", ".")
        step = Step(argv, {}, limits.compile_step_limits(settings), _DIAGNOSTICS_BYTES, merge_output=True)
        job = Job(files, step, cold_box(settings), all_files(settings.max_disk_bytes))
        compiled = await self._sandbox.run(job)
        if not compiled.succeeded:
            raise SandboxFailure(f"the code of unit tests cannot be compiled: {compiled.why_failed}")
        made = {name: file.content for name, file in compiled.compiled_files.items() if name.endswith(".pyc")}
        return Bundle(_archive(made, made), _archive(made, (f"{name}.pyc" for name in _OF_STUDENT)))


def _own_files() -> dict[str, bytes]:
    boxes = resources.files("executor.unit_tests.boxes")
    files = {file.name: file.read_bytes() for file in boxes.iterdir() if file.name.endswith(".py")}
    packages = {"executor/__init__.py": b"", "executor/unit_tests/__init__.py": b""}
    return packages | {f"executor/unit_tests/boxes/{name}": content for name, content in files.items()}


def _packages() -> Iterator[tuple[str, bytes]]:
    for name in _DISTRIBUTIONS:
        for path in importlib.metadata.files(name) or ():
            parts = path.parts
            if path.suffix != ".py" or parts[0] == "..":
                continue
            if parts[0] != "pygments" or len(parts) < 3 or parts[-1] in _OF_PYGMENTS:
                yield str(path), path.read_binary()


def _archive(made: dict[str, bytes], names: Iterable[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), made[name])
    return buffer.getvalue()
