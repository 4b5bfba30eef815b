"""When headers are made, and whose folder is believed; the compiler is played."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from executor.catalogue import Installed
from executor.languages import known
from executor.sandbox.base import File, Job, StepResult
from executor.warm import headers

_CPP = replace(known()["cpp"], headers=("iostream", "bits/stdc++.h"))
#: Words of commands: that make the plugin, load it, and compile with what was made.
_BUILD, _LOAD, _USE = "made.so", "-fplugin=./made.so", "main"
_WITH, _WITHOUT = b"made with the plugin", b"made without"


class Compiler:
    """Makes every header of the files `made_of`, and a plugin; `fails` are those of its words that it cannot do."""

    def __init__(self, *made_of: Path) -> None:
        self.jobs: list[Job] = []
        self.fails: tuple[str, ...] = ()
        self._made_of = made_of

    async def run(self, job: Job) -> list[StepResult]:
        self.jobs.append(job)
        words = job.steps[0].argv
        rule = "made.gch: main.cpp \\\n " + " \\\n ".join(str(path) for path in self._made_of)
        made = {"made.so": File(b"plugin")}
        if "made.gch" in words:
            made = {"made.gch": File(_WITH if _LOAD in words else _WITHOUT), "made.d": File(rule.encode())}
        failed = any(word in words for word in self.fails)
        return [
            StepResult(
                int(failed), None, 1.0, 1.0, 1, None, b"said", b"", truncated=False, artefacts={} if failed else made
            )
        ]

    @property
    def precompiled(self) -> list[bytes]:
        return [job.files["main.cpp"].content for job in self.jobs if "made.gch" in job.steps[0].argv]


@pytest.fixture
def header(tmp_path: Path) -> Path:
    path = tmp_path / "iostream"
    path.write_text("int x;")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = headers.find_folder(tmp_path / "cache")
    assert found
    return found


def _installed(info: str = "g++ 12") -> Installed:
    return Installed(_CPP, {"gxx": "/usr/bin/g++", "gold": "", "named_folders": ""}, info)


def _change(header: Path) -> None:
    header.write_text("int y;")


def _made(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.gch")}


def _contents(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("*.gch")}


async def test_each_is_made_once(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    for _ in range(2):
        await headers.make(compiler, [_installed()], folder)
    key = _installed().headers_key
    assert _made(folder) == {f"{key}/iostream.gch", f"{key}/bits/stdc++.h.gch"}
    assert compiler.precompiled == [
        b"#include <iostream>\n#pragma precieux instantiate\n",
        b"#include <bits/stdc++.h>\n#pragma precieux instantiate\n",
    ]


async def test_a_header_is_proved_before_it_is_kept(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    await headers.make(compiler, [_installed()], folder)
    proof = compiler.jobs[2]
    assert proof.files["made.gch"].content == _WITH
    assert proof.files["main.cpp"].content == b'#include "made"\n' + _CPP.reference.source.encode()
    assert _contents(folder) == {_WITH}


@pytest.mark.parametrize("fails", [_BUILD, _LOAD, _USE])
async def test_without_the_plugin_where_it_does_not_work(fails: str, header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    compiler.fails = (fails,)
    await headers.make(compiler, [_installed()], folder)
    assert _contents(folder) == {_WITHOUT}
    assert compiler.precompiled[-1] == b"#include <bits/stdc++.h>\n"
    tried = len(compiler.jobs)
    await headers.make(compiler, [_installed()], folder)
    assert len(compiler.jobs) == tried  # it is not tried at every start


async def test_a_changed_header_is_made_anew(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    await headers.make(compiler, [_installed()], folder)
    _change(header)
    await headers.make(compiler, [_installed()], folder)
    assert len(compiler.precompiled) == 4


async def test_what_is_out_of_date_is_not_left_when_it_cannot_be_made(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    await headers.make(compiler, [_installed()], folder)
    _change(header)
    compiler.fails = ("made.gch",)
    await headers.make(compiler, [_installed()], folder)
    assert _made(folder) == set()


async def test_another_version_or_command_has_its_own(header: Path, folder: Path) -> None:
    others = [replace(_CPP, precompile=(*_CPP.precompile, "-O3")), replace(_CPP, plugin=None)]
    keys = {
        _installed().headers_key,
        _installed("g++ 13").headers_key,
        *(replace(_installed(), language=other).headers_key for other in others),
    }
    assert len(keys) == 4


async def test_without_a_folder_nothing_is_made() -> None:
    compiler = Compiler()
    await headers.make(compiler, [_installed()], None)
    assert compiler.jobs == []


def test_programs_are_compiled_as_their_headers_are() -> None:
    """GCC takes a precompiled header only where the flags that matter are the same."""
    assert _CPP.compile
    compile_, precompile = (
        [word for word in command if word.startswith(("{gxx}", "-p", "-std", "-O", "-f", "-m", "-D"))]
        for command in (_CPP.compile, _CPP.precompile)
    )
    assert compile_ == precompile == ["{gxx}", "-pipe"]


def test_a_folder_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers").chmod(0o755)
    assert headers.find_folder(tmp_path)
    for mode in (0o775, 0o757):
        (tmp_path / "headers").chmod(mode)
        assert headers.find_folder(tmp_path) is None


def test_nor_one_that_is_somebody_else_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headers").mkdir()
    if os.geteuid() == 0:
        os.chown(tmp_path / "headers", 4711, 4711)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert headers.find_folder(tmp_path) is None


def test_no_folder_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert headers.find_folder(tmp_path / "file") is None
