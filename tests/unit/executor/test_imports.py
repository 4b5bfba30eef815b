"""The runtimes that have imported libraries are made and chosen as programs need them. The sandbox is a fake."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from executor.catalogue import Installed
from executor.languages import known
from executor.languages.base import Forked
from executor.sandbox.base import Job, Ready, SandboxFailure, StepResult, Template
from executor.settings import ExecutorSettings
from executor.warm import imports
from executor.warm.imports import MOST_SETS, WarmImports, imports_at_start, modules_for

_NUMPY = ("numpy", "numpy.random")


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("import numpy", {"numpy"}),
        ("import numpy as np, os.path\nimport pandas;import sys\nprint()", {"numpy", "os.path", "pandas", "sys"}),
        ("from scipy import stats, optimize as o\n", {"scipy.stats", "scipy.optimize"}),
        ("from scipy import (\n  stats, # comment\n  optimize,\n)\nx = 1", {"scipy.stats", "scipy.optimize"}),
        ("from numpy import *", {"numpy.*"}),
        ("#!/bin/x\n# coding: utf-8\n'''Text\nimport six\n'''\n\nimport numpy", {"numpy"}),
        ("\ufeffimport numpy\r\nimport six\r\n", {"numpy", "six"}),
        ("import \\\n  numpy", {"numpy"}),
        # Only what comes before all other statements counts.
        ("import os\nos.environ['X'] = '1'\nimport numpy", {"os"}),
        ("if True:\n    import numpy", set()),
        ("def f():\n    import numpy", set()),
        ("import sys; sys.path.clear(); import numpy", {"sys"}),
        ("x = '''\nimport numpy\n'''", set()),
        ("'a'.upper(); import numpy", set()),
        ("from . import numpy", set()),
        # What is no Python.
        ("import numpy\nimport import", set()),
        ("import numpy\nfrom (", set()),
        ("import numpy,\nx", set()),
        ("from x import " + "(" * 500, set()),
        ("import numpy\n" + "\0", {"numpy"}),
        ("", set()),
    ],
)
def test_imports_before_all_other_statements_count(source: str, imported: set[str]) -> None:
    assert imports_at_start(source.encode()) <= imported
    if "\0" not in source:
        assert imports_at_start(source.encode()) == imported


def test_hostile_beginnings_are_bounded() -> None:
    long_name = "import a" + ".a" * 10**6
    for hostile in ("'" * 10**6, "(" * 10**6, "\\\n" * 10**5, long_name, "import a;" * 10**5, "\xff" * 999):
        found = imports_at_start(hostile.encode("latin-1"))
        assert sum(map(len, found)) <= 16384
        assert modules_for(found, {"b": ("b",)}) == ()


def test_the_longest_known_name_decides() -> None:
    table = {"a": ("n", "a"), "a.b": ("n", "a", "a.b"), "n": ("n",)}
    assert modules_for({"a.b.c", "os"}, table) == ("n", "a", "a.b")
    assert modules_for({"a.x", "n"}, table) == ("n", "a")
    assert modules_for({"os"}, table) == ()


class _Sandbox:
    """Runs every program with success, unless its zygote imports a module that is `broken`."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.kept: list[Template] = []

    async def run(self, job: Job) -> list[StepResult]:
        assert job.template.zygote
        if self.broken in job.template.zygote.argv:
            raise SandboxFailure("the zygote ended")
        return [StepResult(0, stdout=b"Hello, world!\n")]

    def keep_ready(self, wanted: list[Ready]) -> None:
        self.kept += [one.template for one in wanted]

    def keep_no_longer(self, template: Template) -> None:
        self.kept.remove(template)


def _imports(sandbox: Any) -> WarmImports:
    python = known()["py"]
    warm = python.run.warm
    assert isinstance(warm, Forked)
    reserved = frozenset({"numpy", "pandas", "matplotlib", "scipy"})
    installed = Installed(python, {"python": "/bin/python"}, "3", reserved=reserved)
    return WarmImports(sandbox, installed, warm, ExecutorSettings())


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def _modules(imports: WarmImports, source: str, *own: str) -> tuple[str, ...] | None:
    runtime = imports.runtime(source.encode(), set(own))
    if runtime is None:
        return None
    assert runtime.template.zygote
    return runtime.template.zygote.argv[2:]


async def test_the_second_program_finds_its_libraries_imported() -> None:
    imports = _imports(sandbox := _Sandbox())
    assert _modules(imports, "import numpy as np") is None
    await _settle()
    assert _modules(imports, "import numpy") == _NUMPY
    assert len(sandbox.kept) == 1
    assert _modules(imports, "import os") is None
    assert _modules(imports, "x = 1\nimport numpy") is None


async def test_a_program_gets_no_library_that_it_does_not_import() -> None:
    imports = _imports(_Sandbox())
    _modules(imports, "import pandas")
    await _settle()
    assert _modules(imports, "import numpy") is None
    await _settle()
    assert _modules(imports, "import numpy") == _NUMPY
    assert _modules(imports, "import pandas") == (*_NUMPY, "pandas")


async def test_until_its_set_is_ready_a_program_gets_a_part() -> None:
    imports = _imports(_Sandbox())
    _modules(imports, "import numpy")
    await _settle()
    assert _modules(imports, "import numpy, scipy") == _NUMPY
    await _settle()
    assert _modules(imports, "import numpy, scipy") == (*_NUMPY, "scipy")


async def test_modules_of_the_program_run_before_the_libraries() -> None:
    imports = _imports(_Sandbox())
    _modules(imports, "import numpy")
    await _settle()
    assert _modules(imports, "import config, numpy", "config") is None
    assert _modules(imports, "import numpy", "matplotlibrc") is None
    assert _modules(imports, "import numpy", "data") == _NUMPY


async def test_a_set_that_does_not_work_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    imports_ = _imports(sandbox := _Sandbox(broken="pandas"))
    for _ in range(3):
        assert _modules(imports_, "import pandas") is None
        await _settle()
    assert sandbox.kept == []
    assert len(imports_._sets) == 1
    sandbox.broken = "nothing"
    assert _modules(imports_, "import pandas") is None
    await _settle()
    assert _modules(imports_, "import pandas") is None
    monkeypatch.setattr(imports, "_AGAIN_SECONDS", 0.0)
    assert _modules(imports_, "import pandas") is None
    await _settle()
    assert _modules(imports_, "import pandas") == (*_NUMPY, "pandas")


_FOUR = ("numpy", "pandas", "scipy", "matplotlib")


async def test_a_fifth_set_waits_until_one_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    imports_ = _imports(sandbox := _Sandbox())
    for name in _FOUR:
        _modules(imports_, f"import {name}")
    await _settle()
    assert len(sandbox.kept) == MOST_SETS == len(_FOUR)
    assert _modules(imports_, "import pandas, scipy") in [(*_NUMPY, "pandas"), (*_NUMPY, "scipy")]
    await _settle()
    assert len(sandbox.kept) == MOST_SETS
    monkeypatch.setattr(imports, "_IDLE_SECONDS", 0.0)
    _modules(imports_, "import pandas, scipy")
    await _settle()
    assert len(sandbox.kept) == MOST_SETS
    assert _modules(imports_, "import pandas, scipy") == (*_NUMPY, "pandas", "scipy")
    assert all(template.zygote and template.zygote.argv[2:] != _NUMPY for template in sandbox.kept)


async def test_a_library_that_is_not_installed_is_not_imported() -> None:
    imports = _imports(_Sandbox())
    without = replace(imports._installed, reserved=frozenset({"numpy"}))
    warm = without.language.run.warm
    assert isinstance(warm, Forked)
    few = WarmImports(_Sandbox(), without, warm, ExecutorSettings())  # type: ignore[arg-type]
    _modules(few, "import pandas")
    assert few._sets == {}
