"""Runtimes that have imported slow libraries before their program comes, such as NumPy.

A program gets one if its first statements import at least the same libraries. Only imports that come before all other
statements count, because others may depend on what the program does first, such as setting a variable.

Which libraries programs import is not known ahead. So the first program with a set of them imports it itself, and a
runtime that has it is set up meanwhile. There are few at a time, because each takes the memory of its libraries.

Gain: `import numpy` takes some 100 ms, and a fork with NumPy 10 ms (ADR 138).
"""

import ast
import asyncio
import io
import itertools
import time
import tokenize
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from executor.catalogue import Installed
from executor.languages.base import Forked
from executor.sandbox.base import Ready, SandboxFailure
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.warm.runtimes import WarmRuntime
from shared.logging import get_logger

log = get_logger(__name__)

#: Sets of libraries that are kept at a time.
MOST_SETS: Final = 4
#: A set may be replaced by another after this many seconds without a program that wants it. Its zygote has ended by
#: then (`_MAX_AGE_S` in keeper/zygotes.py), so there are never more of them than sets.
_IDLE_SECONDS: Final = 600.0
#: Seconds until a set that did not work is tried again.
_AGAIN_SECONDS: Final = 300.0
#: Bytes at the beginning of a program in which its imports are looked for, and statements that are read.
_MOST_BYTES, _MOST_STATEMENTS = 16384, 64
_SKIPPED: Final = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING, tokenize.STRING})


@dataclass
class _Set:
    """The runtime of a set of modules. It is None until it has proved itself, and if it does not work."""

    wanted_at: float
    tried_at: float
    set_up: asyncio.Task[None] | None = None
    runtime: WarmRuntime | None = None


class WarmImports:
    """The runtimes of one language whose `warm` has `imports`."""

    def __init__(
        self, sandbox: BubblewrapSandbox, installed: Installed, warm: Forked, settings: ExecutorSettings
    ) -> None:
        self._sandbox = sandbox
        self._installed = installed
        self._warm = warm
        self._settings = settings
        self._known = {
            name: modules
            for name, modules in warm.imports.items()
            if name.partition(".")[0].lower() in installed.reserved
        }
        self._sets: dict[tuple[str, ...], _Set] = {}

    def runtime(self, source: bytes, own: Set[str]) -> WarmRuntime | None:
        """Return the runtime that has imported most of what the program imports first; None if there is none.

        `own` are the names of the program's other files. Its own modules run before the libraries that follow them, and
        Matplotlib reads its settings there, so then there is none.
        """
        if not any(name.encode() in source for name in self._known):
            return None
        imported = imports_at_start(source[:_MOST_BYTES])
        if "matplotlibrc" in own or any(name.partition(".")[0] in own for name in imported):
            return None
        modules = modules_for(imported, self._known)
        if not modules:
            return None
        self._want(modules)
        fitting = [(len(has), one.runtime) for has, one in self._sets.items() if one.runtime and {*has} <= {*modules}]
        return max(fitting, key=lambda item: item[0])[1] if fitting else None

    async def aclose(self) -> None:
        tasks = [one.set_up for one in self._sets.values() if one.set_up]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _want(self, modules: tuple[str, ...]) -> None:
        """Set up the runtime of these modules in the background, unless there is one or no room for one."""
        now = time.monotonic()
        if one := self._sets.get(modules):
            one.wanted_at = now
            failed = one.set_up is not None and one.set_up.done() and one.runtime is None
            if failed and now - one.tried_at >= _AGAIN_SECONDS:
                one.tried_at, one.set_up = now, asyncio.create_task(self._set_up(modules, one))
        elif len(self._sets) < MOST_SETS or self._forget_idle(now):
            self._sets[modules] = new = _Set(now, now)
            new.set_up = asyncio.create_task(self._set_up(modules, new))

    def _forget_idle(self, now: float) -> bool:
        """Give up the set that was not wanted for longest. False if all are in use."""
        modules, oldest = min(self._sets.items(), key=lambda item: item[1].wanted_at)
        if now - oldest.wanted_at < _IDLE_SECONDS or (oldest.set_up and not oldest.set_up.done()):
            return False
        del self._sets[modules]
        if oldest.runtime:
            self._sandbox.keep_no_longer(oldest.runtime.template)
        return True

    async def _set_up(self, modules: tuple[str, ...], new: _Set) -> None:
        began = time.monotonic()
        runtime = WarmRuntime(self._installed, replace(self._warm, argv=(*self._warm.argv, *modules)), self._settings)
        try:
            await runtime.check(self._sandbox)
        except SandboxFailure as exc:
            log.warning("imports.left_out", modules=modules, reason=str(exc))
            return
        new.runtime = runtime
        boxes, idle_s = self._settings.executor_warm_boxes, self._settings.executor_warm_idle
        self._sandbox.keep_ready([Ready(runtime.template, boxes, idle_s)])
        log.info("imports.ready", modules=modules, seconds=round(time.monotonic() - began, 2))


def modules_for(imported: Set[str], known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the modules to import for a program that has `imported`, in order and each once. Pure."""
    found: dict[str, None] = {}
    deepest = max((name.count(".") for name in known), default=0) + 1
    for name in sorted(imported):
        parts = name.split(".", deepest)[:deepest]
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        best = next((prefix for prefix in prefixes if prefix in known), None)
        found |= dict.fromkeys(known[best] if best else ())
    return tuple(found)


@lru_cache(maxsize=128)  # the tests of a submission have the same source
def imports_at_start(source: bytes) -> frozenset[str]:
    """Return what a Python program imports before its first other statement: modules, and names in modules. Pure.

    It is empty if the beginning is not Python.
    """
    found: set[str] = set()
    try:
        beginning = source[:_MOST_BYTES].decode("utf-8-sig", "replace")
        for statement in itertools.islice(_import_statements(beginning), _MOST_STATEMENTS):
            match ast.parse(statement).body:
                case [ast.Import(names=names)]:
                    found |= {alias.name for alias in names}
                case [ast.ImportFrom(module=str(module), names=names, level=0)]:
                    found |= {f"{module}.{alias.name}" for alias in names}
    except (SyntaxError, ValueError, tokenize.TokenError):  # also if the imports do not end within `_MOST_BYTES`
        return frozenset()
    return frozenset(found)


def _import_statements(text: str) -> Iterator[str]:
    """Yield the statements up to the first that is no import. Strings, such as the docstring, are skipped."""
    words: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        ends = token.type == tokenize.NEWLINE or token.string == ";"
        if words and (ends or token.type == tokenize.ENDMARKER):
            yield " ".join(words)
            words = []
        elif words:
            words += [token.string] if token.type not in (tokenize.COMMENT, tokenize.NL) else []
        elif token.string in ("import", "from"):
            words = [token.string]
        elif not ends and token.type not in _SKIPPED:
            return
