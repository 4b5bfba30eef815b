"""When headers are precompiled, with a fake compiler."""

from dataclasses import replace
from pathlib import Path

import pytest

from executor.cache_folder import find_folder
from executor.catalogue.installed import Installed
from executor.languages import known
from executor.sandbox.base import Job, StepResult, WorkFile
from executor.warm import headers

_CPP = known()["cpp"]
_COMPILE = _CPP.compile
assert _COMPILE
assert _COMPILE.headers
_HEADERS = _COMPILE.headers
#: Words of the commands that build the plugin, load it, and compile with the header.
_BUILD, _LOAD, _USE = "made.so", "-fplugin=./made.so", "main"
_WITH, _WITHOUT = b"made with the plugin", b"made without"


class Compiler:
    """Compiles every header of the files `sources`, and a plugin. A command with one of the words `fails` fails."""

    def __init__(self, *sources: Path) -> None:
        self.jobs: list[Job] = []
        self.fails: tuple[str, ...] = ()
        self._sources = sources

    async def run(self, job: Job) -> StepResult:
        self.jobs.append(job)
        words = job.step.argv
        rule = "made.gch: main.cpp \\\n " + " \\\n ".join(str(path) for path in self._sources)
        compiled_files = {"made.so": WorkFile(b"plugin")}
        if "made.gch" in words:
            compiled_files = {
                "made.gch": WorkFile(_WITH if _LOAD in words else _WITHOUT),
                "made.d": WorkFile(rule.encode()),
            }
        failed = any(word in words for word in self.fails)
        return StepResult(int(failed), stdout=b"said", compiled_files={} if failed else compiled_files)

    @property
    def precompiled(self) -> list[bytes]:
        return [job.files["main.cpp"].content for job in self.jobs if "made.gch" in job.step.argv]


@pytest.fixture
def header(tmp_path: Path) -> Path:
    path = tmp_path / "iostream"
    path.write_text("int x;")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = find_folder(tmp_path / "cache", "headers")
    assert found
    return found


def _installed(info: str = "g++ 12") -> Installed:
    return Installed(_CPP, {"gxx": "/usr/bin/g++", "gold": "", "named_folders": ""}, info)


def _change(header: Path) -> None:
    header.write_text("int y;")


def _stored(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.gch")}


def _contents(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("*.gch")}


async def test_each_header_is_compiled_once(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    for _ in range(2):
        await headers.make(compiler, [_installed()], folder)
    key = _installed().headers_key
    assert _stored(folder) == {f"{key}/iostream.gch", f"{key}/bits/stdc++.h.gch"}
    assert compiler.precompiled == [
        b"#include <iostream>\n#pragma precieux instantiate\n",
        b"#include <bits/stdc++.h>\n#pragma precieux instantiate\n",
    ]


async def test_a_header_is_tried_before_it_is_stored(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    await headers.make(compiler, [_installed()], folder)
    proof = compiler.jobs[2]
    assert proof.files["made.gch"].content == _WITH
    assert proof.files["main.cpp"].content == b'#include "made"\n' + _CPP.reference.source.encode()
    assert _contents(folder) == {_WITH}


@pytest.mark.parametrize("fails", [_BUILD, _LOAD, _USE])
async def test_falls_back_to_no_plugin(fails: str, header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    compiler.fails = (fails,)
    await headers.make(compiler, [_installed()], folder)
    assert _contents(folder) == {_WITHOUT}
    assert compiler.precompiled[-1] == b"#include <bits/stdc++.h>\n"
    tried = len(compiler.jobs)
    await headers.make(compiler, [_installed()], folder)
    assert len(compiler.jobs) == tried  # it is not tried at every start


async def test_a_changed_header_is_compiled_again(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    await headers.make(compiler, [_installed()], folder)
    _change(header)
    await headers.make(compiler, [_installed()], folder)
    assert len(compiler.precompiled) == 4


async def test_an_outdated_file_is_removed_if_it_cannot_be_renewed(header: Path, folder: Path) -> None:
    compiler = Compiler(header)
    await headers.make(compiler, [_installed()], folder)
    _change(header)
    compiler.fails = ("made.gch",)
    await headers.make(compiler, [_installed()], folder)
    assert _stored(folder) == set()


async def test_another_version_or_command_has_another_folder(header: Path, folder: Path) -> None:
    assert _COMPILE
    others = [replace(_HEADERS, command=(*_HEADERS.command, "-O3")), replace(_HEADERS, plugin=None)]
    languages = [replace(_CPP, compile=replace(_COMPILE, headers=headers)) for headers in others]
    keys = {
        _installed().headers_key,
        _installed("g++ 13").headers_key,
        *(replace(_installed(), language=language).headers_key for language in languages),
    }
    assert len(keys) == 4
