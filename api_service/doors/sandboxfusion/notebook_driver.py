"""Runs the cells of a notebook: reads them as JSON from standard input, and writes what each has given as JSON.

It is the program that a box runs for `run_jupyter`, beside the code of strangers, and uses nothing but Python's own
modules. Cells run while an event loop runs, as in Jupyter.
"""

import ast
import asyncio
import base64
import builtins
import contextlib
import importlib.abc
import importlib.machinery
import inspect
import io
import json
import linecache
import os
import sys
import tempfile
import traceback
import types
from typing import Any, BinaryIO

KINDS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_latex_": "text/latex",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
}
BACKEND = "notebook_backend"
PROCESS = os.getpid()
#: What the cell that runs has displayed.
shown: list[dict[str, str]] = []


class StdinNotImplementedError(NotImplementedError):
    """A cell has asked for input. IPython's error has this name."""


class BackendImporter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a backend of Matplotlib whose `show` displays the open figures."""

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == BACKEND else None

    def exec_module(self, module: Any) -> None:
        module.FigureCanvas = importlib.import_module("matplotlib.backends.backend_agg").FigureCanvasAgg
        module.show = show_figures


def show_figures(*_: Any, **__: Any) -> None:
    """Display and close the open figures of Matplotlib."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        for number in pyplot.get_fignums():
            display(pyplot.figure(number))
        pyplot.close("all")


def display(*values: Any, **_: Any) -> None:
    """Display values, as the function of this name in IPython does."""
    shown.extend(map(bundle_of, values))


def bundle_of(value: Any) -> dict[str, str]:
    """Return a value in its forms, by their media types."""
    bundle = {"text/plain": repr(value)}
    figures = sys.modules.get("matplotlib.figure")
    if figures and isinstance(value, figures.Figure):
        image = io.BytesIO()
        value.savefig(image, format="png", bbox_inches="tight")
        bundle["image/png"] = base64.b64encode(image.getvalue()).decode()
    for method, kind in KINDS.items():
        if not isinstance(value, type) and callable(render := getattr(value, method, None)):
            data = render()
            data = data[0] if isinstance(data, tuple) else data
            data = base64.b64encode(data).decode() if isinstance(data, bytes) else data
            if isinstance(data, str):
                bundle[kind] = data
    return bundle


def error_of(exc: BaseException) -> dict[str, Any]:
    """Return what a cell's answer says about its exception. The frames of this module are left out."""
    frame = exc.__traceback__
    while frame and not frame.tb_frame.f_code.co_filename.startswith("<cell "):
        frame = frame.tb_next
    try:
        text = str(exc)
    except Exception:  # the class is a stranger's
        text = ""
    lines = traceback.format_exception(type(exc), exc, frame)
    return {"ename": type(exc).__name__, "evalue": text, "traceback": [line.rstrip("\n") for line in lines]}


async def evaluate(tree: ast.Module | ast.Expression, name: str, names: dict[str, Any]) -> Any:
    """Return the value of an expression, or None after running statements."""
    mode = "eval" if isinstance(tree, ast.Expression) else "exec"
    code = compile(tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    value = eval(code, names)  # noqa: S307  (this runs in a box)
    return await value if code.co_flags & inspect.CO_COROUTINE else value


async def run_source(source: str, name: str, names: dict[str, Any]) -> None:
    """Run a cell, and display the value of its last expression."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, name, "exec", flags, dont_inherit=True)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    await evaluate(tree, name, names)
    if last is not None:
        value = await evaluate(ast.Expression(last.value), name, names)
        if value is not None and not source.rstrip().endswith(";"):
            names["_"] = value
            display(value)


async def run_cell(number: int, source: str, names: dict[str, Any], outputs: list[BinaryIO]) -> dict[str, Any]:
    """Return a cell's answer. `outputs` are the files in place of standard output and standard error."""
    shown.clear()
    name, errors = f"<cell {number}>", []
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    for work in (run_source(source, name, names), end_cell()):
        try:
            await work
        except BaseException as exc:
            errors.append(error_of(exc))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a cell may have put anything in its place
            stream.flush()
    if os.getpid() != PROCESS:  # the cell has forked
        os._exit(0)
    texts = []
    for output in outputs:
        output.seek(0)
        texts.append(output.read().decode(errors="replace"))
        output.seek(0)
        output.truncate()
    return {"stdout": texts[0], "stderr": texts[1], "display": [*shown], "error": errors[:1]}


async def end_cell() -> None:
    """Display the figures that a cell has left."""
    show_figures()


def refuse_input(*_: Any) -> str:
    raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")


async def main() -> None:
    cells = json.load(sys.stdin)
    result = os.fdopen(os.dup(1), "wb")
    outputs: list[BinaryIO] = []
    for stream in (sys.stdout, sys.stderr):
        output = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (it stays open)
        os.dup2(output.fileno(), stream.fileno())
        stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)  # type: ignore[union-attr]
        outputs.append(output)
    with contextlib.suppress(OSError):
        os.unlink(__file__)  # the folder is the cells'
    builtins.input = refuse_input
    sys.meta_path.append(BackendImporter())
    os.environ["MPLBACKEND"] = f"module://{BACKEND}"
    notebook = sys.modules["__main__"] = types.ModuleType("__main__")
    names = notebook.__dict__
    names.update({"__builtins__": builtins, "display": display})
    answers = [await run_cell(number, source, names, outputs) for number, source in enumerate(cells, start=1)]
    result.write(json.dumps(answers, ensure_ascii=False).encode(errors="replace"))
    result.flush()
    os._exit(0)  # threads may still run


if __name__ == "__main__":
    asyncio.run(main())
