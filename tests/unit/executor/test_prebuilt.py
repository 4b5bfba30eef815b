"""How prebuilt files are made and stored, with a fake sandbox."""

import asyncio
import errno
import itertools
import os
from pathlib import Path

import pytest

from executor.catalogue import Installed
from executor.languages import known
from executor.sandbox.base import File, Job, StepResult
from executor.warm import prebuilt
from shared.codex import RunRequest

_JAVA = Installed(known()["java"], {tool: f"/bin/{tool}" for tool in known()["java"].tools}, "1.0")


class _Sandbox:
    """Each job makes every file of Java, with `mark` and its number as the content, when `gate` opens."""

    def __init__(self, mark: str = "") -> None:
        self.has_begun, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self._contents = (File(f"{mark}{number}".encode()) for number in itertools.count())

    async def run(self, job: Job) -> list[StepResult]:
        self.has_begun.set()
        await self.gate.wait()
        return [StepResult(0, artefacts=dict.fromkeys(("start.jar", "start.jsa"), next(self._contents)))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / Path(_JAVA.runtime_folder).name


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_file_is_created_once_and_other_users_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "java" / "start.jar"
    umask = os.umask(0o077)
    try:
        prebuilt.create(file, b"first")
        prebuilt.create(file, b"second")
    finally:
        os.umask(umask)
    assert file.read_bytes() == b"first"
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.parent.stat().st_mode & 0o777 == 0o755
    assert os.listdir(file.parent) == ["start.jar"]


def test_a_file_is_created_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    prebuilt.create(tmp_path / "start.jar", b"content")
    assert (tmp_path / "start.jar").read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["start.jar"]


async def test_files_are_made_once(folder: Path) -> None:
    sandbox = _Sandbox()
    for _ in range(2):
        assert await prebuilt.make(sandbox, _JAVA, folder.parent)
    assert _contents(folder) == {"start.jar": "0", "start.jsa": "1"}


class _Library:
    """Makes a compiled library, and other files."""

    async def run(self, job: Job) -> list[StepResult]:
        paths = ("std/time.a", "std/fmt.a", "std/a/b/c.a", "std.log", "other/time.a")
        return [StepResult(0, artefacts={path: File(path.encode()) for path in paths})]


async def test_all_files_of_a_folder_are_stored_the_named_one_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds the last one, finds all of them."""
    go = Installed(known()["go"], {"go": "/bin/go"}, "go version go1.24.4")
    stored: list[str] = []
    create = prebuilt.create

    def record(path: Path, content: bytes) -> None:
        stored.append(path.name)
        create(path, content)

    monkeypatch.setattr(prebuilt, "create", record)
    umask = os.umask(0o077)
    try:
        assert await prebuilt.make(_Library(), go, tmp_path)
        assert await prebuilt.make(_Library(), go, tmp_path)
    finally:
        os.umask(umask)
    place = tmp_path / Path(go.runtime_folder).name
    assert (len(stored), stored[-1]) == (3, "time.a")
    assert (place / "std/a/b/c.a").read_text() == "std/a/b/c.a"
    assert {path.stat().st_mode & 0o777 for path in place.rglob("*") if path.is_dir()} == {0o755}
    assert os.listdir(place) == ["std"]
    assert go.commands(go.program(RunRequest(code="x", language="go")), 1 << 20).compile == (
        "/bin/go", "build", f"-pkgdir={go.runtime_folder}/std", "-o", "main", "main.go",
    )  # fmt: skip


async def test_executors_that_make_files_at_once_agree(folder: Path) -> None:
    """Java refuses an archive of classes if the file that has the classes was replaced after it."""
    late = _Sandbox("late")
    late.gate.clear()
    making = asyncio.create_task(prebuilt.make(late, _JAVA, folder.parent))
    await late.has_begun.wait()
    await prebuilt.make(_Sandbox(), _JAVA, folder.parent)
    late.gate.set()
    assert await making
    assert _contents(folder) == {"start.jar": "0", "start.jsa": "1"}


async def test_a_file_older_than_one_before_it_is_made_again(folder: Path) -> None:
    sandbox = _Sandbox()
    await prebuilt.make(sandbox, _JAVA, folder.parent)
    os.utime(folder / "start.jsa", ns=(0, 0))
    await prebuilt.make(sandbox, _JAVA, folder.parent)
    assert _contents(folder) == {"start.jar": "0", "start.jsa": "2"}


async def test_a_stale_file_that_cannot_be_removed_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    sandbox = _Sandbox()
    await prebuilt.make(sandbox, _JAVA, folder.parent)
    os.utime(folder / "start.jsa", ns=(0, 0))
    monkeypatch.setattr(Path, "unlink", refuse)
    assert await prebuilt.make(sandbox, _JAVA, folder.parent)
    assert _contents(folder) == {"start.jar": "0", "start.jsa": "1"}
