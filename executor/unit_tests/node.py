"""The boxes of unit tests that run under Node: their commands, and the files that each is given. Pure."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from executor.sandbox.base import GIVEN

_SHELL: Final = "/bin/sh"
#: The scripts of each box, the first of which is the main one. They find the relay at 7 and 8, and reports go to 9.
_SCRIPTS: Final = {
    "tests": ("tests_box", "handles", "lines", "modules", "relay", "runner", "values"),
    "student": ("agent", "lines", "values"),
}
_START: Final = {
    "tests": 'exec 7<&0 8>&1 9<&2 </dev/null >/dev/null 2>&1; exec "$@"',
    "student": 'exec 7<&0 8>&1 </dev/null >>/tmp/.out 2>>/tmp/.err; exec "$@"',
}


def command(box: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return the command of a box. `words` are those of Node and its options. Children do not inherit the relay, since
    Node lets them inherit nothing that it has found open."""
    return _SHELL, "-c", _START[box], _SHELL, *words, f"{GIVEN}/{_SCRIPTS[box][0]}.cjs"


def given(box: str, settings: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files that a box is given, by name."""
    return {**_scripts(box), "settings.json": json.dumps(settings).encode()}


@cache
def _scripts(box: str) -> dict[str, bytes]:
    folder = resources.files("executor.unit_tests") / "javascript"
    return {f"{name}.cjs": (folder / f"{name}.cjs").read_bytes() for name in _SCRIPTS[box]}
