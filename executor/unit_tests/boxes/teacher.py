"""What tests may import without sending it: `precieux_tests`, and the decorators of gradescope-utils 0.5.0."""

import functools
import pathlib
import sys
import types
from collections.abc import Callable
from typing import Any, Final

from executor.unit_tests.boxes.handles import Path, own_path
from executor.unit_tests.boxes.relay import the

#: Where the student's sources are, to be read as text.
_SOURCES: Final = "/box/given/sources"


def _setting(attribute: str) -> Callable[[Any], Callable[[Any], Any]]:
    def decorator(value: Any, *others: Any, **more: Any) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            setattr(function, attribute, value)
            return function

        return decorate

    return decorator


def partial_credit(weight: float) -> Callable[[Any], Any]:
    """Decorate a test that sets a part of its points with `set_score`."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def test(*args: Any, **kwargs: Any) -> Any:
            test.__score__ = 0  # type: ignore[attr-defined]
            return function(*args, set_score=lambda score: setattr(test, "__score__", score), **kwargs)

        test.__weight__ = weight  # type: ignore[attr-defined]
        del test.__wrapped__  # pytest would take `set_score` for a fixture
        return test

    return decorate


def install(entry: str) -> None:
    """Let the tests import the modules of this file by their names."""

    def folder() -> Path:
        return own_path(the().ask("op", "folder"))

    def source(path: str | None = None) -> str:
        root = pathlib.Path(_SOURCES)
        file = (root / (path or entry)).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            raise FileNotFoundError(f"There is no file {path!r} in this submission.")
        return file.read_bytes().decode("utf-8", "replace")

    attributes = ("weight", "number", "visibility", "hide_errors", "tags", "leaderboard")
    decorators: dict[str, Any] = {name: _setting(f"__{name}__") for name in attributes}
    decorators["partial_credit"] = partial_credit
    hide = decorators["hide_errors"]
    decorators["hide_errors"] = lambda message="Test failed": hide(message)
    base = "gradescope_utils"
    for name, contents in (
        ("precieux_tests", {"folder": folder, "source": source}),
        (base, {"__path__": []}),
        (f"{base}.autograder_utils", {"__path__": []}),
        (f"{base}.autograder_utils.decorators", decorators),
    ):
        module = sys.modules[name] = types.ModuleType(name)
        vars(module).update(contents)
