"""How prebuilt files are made and stored, with a fake sandbox."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from executor.catalogue.installed import Installed
from executor.languages import known
from executor.pipeline.plan import commands_of, program_of
from executor.sandbox.base import Job, StepResult, WorkFile
from executor.warm import prebuilt
from shared.engine_api.codex import RunRequest

_GO = Installed(known()["go"], {"go": "/bin/go"}, "go version go1.24.4")


def _contents(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.rglob("*") if path.is_file()]


class _Sandbox:
    """Each job makes a compiled library, and other files, when `gate` opens. `mark` is the content of each."""

    def __init__(self, mark: str) -> None:
        self.has_begun, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self._mark = WorkFile(mark.encode())

    async def run(self, job: Job) -> StepResult:
        self.has_begun.set()
        await self.gate.wait()
        paths = ("std/time.a", "std/fmt.a", "std/a/b/c.a", "std.log", "other/time.a")
        return StepResult(0, compiled_files=dict.fromkeys(paths, self._mark))


def test_a_file_is_created_once_and_other_users_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "go" / "made.a"
    umask = os.umask(0o077)
    try:
        prebuilt.create(file, b"first")
        prebuilt.create(file, b"second")
    finally:
        os.umask(umask)
    assert file.read_bytes() == b"first"
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.parent.stat().st_mode & 0o777 == 0o755
    assert os.listdir(file.parent) == ["made.a"]


def test_a_file_is_created_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    prebuilt.create(tmp_path / "made.a", b"content")
    assert (tmp_path / "made.a").read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["made.a"]


async def test_all_files_of_a_folder_are_stored_the_named_one_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds the last one, finds all of them."""
    stored: list[str] = []
    create = prebuilt.create

    def record(path: Path, content: bytes) -> None:
        stored.append(path.name)
        create(path, content)

    monkeypatch.setattr(prebuilt, "create", record)
    umask = os.umask(0o077)
    try:
        assert await prebuilt.make(_Sandbox("made"), _GO, tmp_path)
        assert await prebuilt.make(_Sandbox("made"), _GO, tmp_path)
    finally:
        os.umask(umask)
    place = tmp_path / Path(_GO.runtime_folder).name
    assert (len(stored), stored[-1]) == (3, "time.a")
    assert (place / "std/a/b/c.a").read_text() == "made"
    assert {path.stat().st_mode & 0o777 for path in place.rglob("*") if path.is_dir()} == {0o755}
    assert os.listdir(place) == ["std"]
    program = program_of(RunRequest(code="x", language="go"), _GO)
    assert commands_of(program, _GO, 1 << 20).compile == (
        "/bin/go", "build", f"-pkgdir={_GO.runtime_folder}/std", "-o", "main", "main.go",
    )  # fmt: skip


async def test_executors_that_make_files_at_once_agree(tmp_path: Path) -> None:
    late = _Sandbox("late")
    late.gate.clear()
    making = asyncio.create_task(prebuilt.make(late, _GO, tmp_path))
    await late.has_begun.wait()
    assert await prebuilt.make(_Sandbox("first"), _GO, tmp_path)
    late.gate.set()
    assert await making
    assert _contents(tmp_path) == ["first"] * 3
