"""Python programs that import a slow library are forked from a zygote that has imported it."""

import time
from dataclasses import replace

import pytest

from executor.catalogue.installed import Installed
from executor.languages import known
from executor.languages.base import Names
from executor.languages.program import ProgramSources
from executor.warm.imports import imports_first, slow_modules

_MODULES = ("numpy", "numpy.random", "pandas", "scipy.stats")


def _imports_first(source: bytes, *own: str) -> bool:
    files = {"main.py": source, **dict.fromkeys(own, b"")}
    return imports_first(ProgramSources(files, Names("main.py"), is_plain=not own), _MODULES)


@pytest.mark.parametrize(
    ("source", "is_first"),
    [
        ("import numpy", True),
        ("import numpy as np, os.path\nimport pandas;import sys\nprint()", True),
        ("from scipy import stats, optimize as o\n", True),
        ("from scipy import (\n  stats, # comment (\n  optimize,\n)\nx = 1", True),
        ("from numpy import *  # all (of it\nprint(1)", True),
        ("#!/bin/x\n# coding: utf-8\n'''Text\nimport six\n'''\n\nimport numpy", True),
        ('"""Text "quoted" """\r\nimport numpy\r\nimport six\r\n', True),
        ("import \\\n  numpy", True),
        # Only what comes before all other statements counts.
        ("import os\nos.environ['X'] = '1'\nimport numpy", False),
        ("if True:\n    import numpy", False),
        ("def f():\n    import numpy", False),
        ("import sys; sys.path.clear(); import numpy", False),
        ("x = '''\nimport numpy\n'''", False),
        ("'a'.upper(); import numpy", False),
        ("'''a'''.upper()\nimport numpy", False),
        ("importlib.x()\nimport numpy", False),
        # All libraries that are named anywhere must be among them.
        ("import numpy\nx = 1\nimport pandas", False),
        ("import numpy\n# pandas", True),
        ("import numpy\nx = 1  # not pandas", False),
        # What is no Python.
        ("import (numpy", False),
        ("from x import " + "(" * 500 + "numpy", False),
        ("numpy", False),
        ("", False),
    ],
)
def test_imports_before_all_other_statements_count(source: str, is_first: bool) -> None:
    assert _imports_first(source.encode()) is is_first


def test_modules_of_the_program_run_before_the_libraries() -> None:
    assert not _imports_first(b"import config, numpy", "config.py")
    assert not _imports_first(b"import numpy\nfrom pack.age import x", "pack/age.py")
    assert not _imports_first(b"import numpy", "matplotlibrc")
    assert _imports_first(b"import numpy", "data.csv")


def test_hostile_beginnings_take_no_time() -> None:
    pieces = [b"'", b'"""', b"(", b"\\\n", b"import a;", b"import a(", b"from a import (", b"#", b";", b"\xff", b",a"]
    began = time.process_time()
    for piece in pieces:
        _imports_first(b"import numpy\nimport a" + piece * 10**5)
        _imports_first(piece * 10**5 + b"numpy")
    assert time.process_time() - began < 2


def test_only_what_is_installed_is_imported_ahead() -> None:
    python = Installed(known()["py"], {"python": "/bin/python"}, "3", reserved=frozenset({"numpy", "os"}))
    assert slow_modules(python) == ("numpy", "numpy.random")
    assert slow_modules(replace(python, language=known()["bash"])) == ()
    assert not imports_first(ProgramSources({"main.py": b"import os"}, Names("main.py")), ())
