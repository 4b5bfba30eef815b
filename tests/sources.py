"""The sources of the programs, for tests that read them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).parents[1]
PACKAGES = ("api_service", "executor", "job_runner", "precieux", "queue_consumer", "shared")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def texts(path: Path, *, with_constants: bool = True) -> Iterator[str]:
    """Return every string in the code, with {…} for values that are inserted at run time.

    Without `with_constants`, leave out f-strings that are values of the module: it has them whole.
    """
    inner: set[int] = set()
    tree = ast.parse(path.read_text())
    if not with_constants:
        tree.body = [node for node in tree.body if not (_assigns(node) and isinstance(node.value, ast.JoinedStr))]
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def _assigns(node: ast.stmt) -> TypeGuard[ast.Assign | ast.AnnAssign]:
    return isinstance(node, ast.Assign | ast.AnnAssign)
