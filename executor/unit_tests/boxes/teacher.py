"""What tests may import without sending it: `precieux_tests`, and the decorators of gradescope-utils 0.5.0."""

import functools
import pathlib
import sys
import types
from collections.abc import Callable
from typing import Any, Final

from executor.unit_tests.boxes.handles import own_path
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


def _giving(keyword: str, attribute: str, weight: float | None = None) -> Callable[[Any], Any]:
    """Decorate a test that gets a function by this keyword, which sets an attribute of the test."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def test(*args: Any, **kwargs: Any) -> Any:
            setattr(test, attribute, None)
            return function(*args, **{keyword: lambda value: setattr(test, attribute, value)}, **kwargs)

        del test.__wrapped__  # pytest would take the keyword for a fixture
        return test if weight is None else _setting("__weight__")(weight)(test)

    return decorate


def install(entry: str) -> None:
    """Let the tests import the modules of this file by their names."""

    def folder() -> Any:
        return own_path(the().ask("folder"))

    def source(path: str | None = None) -> str:
        root = pathlib.Path(_SOURCES)
        file = (root / (path or entry)).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            raise FileNotFoundError(f"There is no file {path!r} in this submission.")
        return file.read_bytes().decode("utf-8", "replace")

    decorators: dict[str, Any] = {
        **{name: _setting(f"__{name}__") for name in ("weight", "number", "visibility", "tags")},
        "hide_errors": lambda message="Test failed": _setting("__hide_errors__")(message),
        "partial_credit": lambda weight: _giving("set_score", "__score__", weight),
        "leaderboard": lambda *_: _giving("set_leaderboard_value", "__leaderboard__"),
    }
    base = "gradescope_utils"
    for name, contents in (
        ("precieux_tests", {"folder": folder, "source": source}),
        (base, {"__path__": []}),
        (f"{base}.autograder_utils", {"__path__": []}),
        (f"{base}.autograder_utils.decorators", decorators),
    ):
        module = sys.modules[name] = types.ModuleType(name)
        vars(module).update(contents)
