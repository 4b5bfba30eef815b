"""Runs the cells of notebooks by the driver that a box runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api_service.doors import sandboxfusion
from tests.fixtures.uv import environment_with

_DRIVER = Path(sandboxfusion.__file__).parent / "notebook_driver.py"
_RICH = """
class Rich:
    def __repr__(self): return "rich"
    def _repr_html_(self): return "<b>"
    def _repr_png_(self): return b"png"
    def _repr_latex_(self): return None
"""
#: Cells, and the names of their exceptions.
_WRONG = {
    "1 / 0": "ZeroDivisionError",
    "def f(:": "SyntaxError",
    "%matplotlib inline": "SyntaxError",
    "raise SystemExit(3)": "SystemExit",
    "input()": "StdinNotImplementedError",
    "class E(Exception):\n    def __str__(self): raise ValueError\nraise E": "E",
    "class V:\n    def __repr__(self): raise KeyError\nV()": "KeyError",
    "raise ValueError('\\ud800')": "ValueError",
}
_FORK = "import os\nif os.fork(): os.wait()\nelse: print('child')"


def _run(folder: Path, *cells: str, python: str = sys.executable) -> list[dict[str, Any]]:
    driver = shutil.copy(_DRIVER, folder / "main.py")
    command = [python, "-I", str(driver)]
    done = subprocess.run(command, cwd=folder, input=json.dumps(cells), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(answers) == len(cells)
    return answers


def test_cells_share_their_state_and_display_their_last_value(tmp_path: Path) -> None:
    cells = ["x = 6", "x * 7", "print(x); None", "x;", "import os\nos.system('echo b; echo c >&2')", "[__name__, _]"]
    answers = _run(tmp_path, *cells, "import os\nos.listdir()")
    shown = [[bundle["text/plain"] for bundle in answer["display"]] for answer in answers]
    assert shown == [[], ["42"], [], [], ["0"], ["['__main__', 0]"], ["[]"]]
    assert [answer["stdout"] for answer in answers] == ["", "", "6\n", "", "b\n", "", ""]
    assert answers[4]["stderr"] == "c\n"
    assert all(answer["error"] == [] for answer in answers)


def test_an_exception_ends_its_cell_and_no_other(tmp_path: Path) -> None:
    cells = [f"print('before')\n{cell}" for cell in _WRONG]
    *failed, after = _run(tmp_path, *cells, "'after'")
    assert [answer["error"][0]["ename"] for answer in failed] == list(_WRONG.values())
    for answer in failed:
        [error] = answer["error"]
        assert error.keys() == {"ename", "evalue", "traceback"}
        assert all(isinstance(line, str) for line in error["traceback"])
        assert answer["stdout"] == ("" if error["ename"] == "SyntaxError" else "before\n")
    assert after["display"] == [{"text/plain": "'after'"}]


def test_values_are_displayed_in_all_of_their_forms(tmp_path: Path) -> None:
    [answer] = _run(tmp_path, f"{_RICH}\ndisplay(1, Rich())\nRich")
    forms = {"text/plain": "rich", "text/html": "<b>", "image/png": "cG5n"}
    assert answer["display"] == [{"text/plain": "1"}, forms, {"text/plain": "<class '__main__.Rich'>"}]


def test_cells_may_wait_and_fork(tmp_path: Path) -> None:
    waits = "import asyncio\nasync def f(): return 5\nawait asyncio.gather(f(), f())"
    answers = _run(tmp_path, waits, "asyncio.run(f())", _FORK, "print('next')")
    assert answers[0]["display"] == [{"text/plain": "[5, 5]"}]
    assert answers[1]["error"][0]["ename"] == "RuntimeError"
    assert [answer["stdout"] for answer in answers[2:]] == ["child\n", "next\n"]


@pytest.mark.slow
def test_the_figures_of_a_cell_are_images(tmp_path: Path) -> None:
    python = str(environment_with("matplotlib", tmp_path / "environment"))
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.plot([2, 1])\n1 / 0"
    unmanaged = "from matplotlib.figure import Figure\nFigure()"
    failed, after, figure = _run(tmp_path, plot, "plt.get_fignums()", unmanaged, python=python)
    assert [bundle["image/png"][:8] for bundle in failed["display"]] == ["iVBORw0K"] * 2
    assert (failed["stderr"], failed["error"][0]["ename"]) == ("", "ZeroDivisionError")
    assert after["display"] == [{"text/plain": "[]"}]
    assert figure["display"][0].keys() == {"text/plain", "image/png"}
