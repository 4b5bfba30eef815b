"""When headers are made, and whose folder is believed; the compiler is played."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from executor import precompiled_headers
from executor.catalogue import Installed
from executor.languages import known
from executor.sandbox.base import Ended, File, Job

_CPP = replace(known()["cpp"], headers=("iostream", "bits/stdc++.h"))


class Compiler:
    """Makes every header of the files `made_of`."""

    def __init__(self, *made_of: Path) -> None:
        self.jobs: list[Job] = []
        self.exit_code = 0
        self._made_of = made_of

    async def run(self, job: Job) -> list[Ended]:
        self.jobs.append(job)
        rule = "made.gch: main.cpp \\\n " + " \\\n ".join(str(path) for path in self._made_of)
        made = {} if self.exit_code else {"made.gch": File(b"made"), "made.d": File(rule.encode())}
        return [Ended(self.exit_code, None, 1.0, 1.0, 1, None, b"said", b"", truncated=False, made=made)]


@pytest.fixture
def header(tmp_path: Path) -> Path:
    path = tmp_path / "iostream"
    path.write_text("int x;")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = precompiled_headers.find_folder(tmp_path / "cache")
    assert found
    return found


def _installed(info: str = "g++ 12") -> Installed:
    return Installed(_CPP, {"gxx": "/usr/bin/g++", "gold": ""}, info)


def _change(header: Path) -> None:
    header.write_text("int y;")


def _made(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.gch")}


async def test_each_is_made_once(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    for _ in range(2):
        await precompiled_headers.make(compiler, [_installed()], folder)
    key = _installed().headers_key
    assert _made(folder) == {f"{key}/iostream.gch", f"{key}/bits/stdc++.h.gch"}
    assert [next(iter(job.files.values())).content for job in compiler.jobs] == [
        b"#include <iostream>\n",
        b"#include <bits/stdc++.h>\n",
    ]


async def test_a_changed_header_is_made_anew(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    await precompiled_headers.make(compiler, [_installed()], folder)
    _change(header)
    await precompiled_headers.make(compiler, [_installed()], folder)
    assert len(compiler.jobs) == 4


async def test_what_is_out_of_date_is_not_left_when_it_cannot_be_made(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    await precompiled_headers.make(compiler, [_installed()], folder)
    _change(header)
    compiler.exit_code = 1
    await precompiled_headers.make(compiler, [_installed()], folder)
    assert _made(folder) == set()


async def test_another_version_or_command_has_its_own(header: Path, folder: Path) -> None:
    other = replace(_CPP, precompile=(*_CPP.precompile, "-O3"))
    keys = {
        _installed().headers_key,
        _installed("g++ 13").headers_key,
        replace(_installed(), language=other).headers_key,
    }
    assert len(keys) == 3


async def test_without_a_folder_nothing_is_made() -> None:
    compiler = Compiler()
    await precompiled_headers.make(compiler, [_installed()], None)
    assert compiler.jobs == []


def test_programs_are_compiled_as_their_headers_are() -> None:
    """GCC takes a precompiled header only where the flags that matter are the same."""
    assert _CPP.compile
    assert _CPP.compile[:4] == _CPP.precompile[:4]


def test_a_folder_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers").chmod(0o755)
    assert precompiled_headers.find_folder(tmp_path)
    for mode in (0o775, 0o757):
        (tmp_path / "headers").chmod(mode)
        assert precompiled_headers.find_folder(tmp_path) is None


def test_nor_one_that_is_somebody_else_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headers").mkdir()
    if os.geteuid() == 0:
        os.chown(tmp_path / "headers", 4711, 4711)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert precompiled_headers.find_folder(tmp_path) is None


def test_no_folder_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert precompiled_headers.find_folder(tmp_path / "file") is None
