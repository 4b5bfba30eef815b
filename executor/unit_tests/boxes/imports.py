"""The import of the student's modules by the tests."""

import builtins
import functools
import importlib.abc
import importlib.machinery
import re
import sys
import types
from collections.abc import Sequence
from typing import Any, Final

from executor.unit_tests.boxes.handles import Name, OwnAttributes, is_special, known_by_name
from executor.unit_tests.boxes.relay import FOLDER, Remote, the

#: Files that import what the tests name: ours, and those of `patch`, `monkeypatch` and `importorskip`.
_IMPORTERS: Final = ("/boxes/listing.py", "/pkgutil.py", "/mock.py", "/monkeypatch.py", "/outcomes.py")


class StudentModule(Remote, types.ModuleType):
    """A module of the student's. While the tests are listed, its names stand for what they will be."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        for attribute, value in (("_ref", [name]), ("__path__", [])):
            types.ModuleType.__setattr__(self, attribute, value)

    __dict__ = property(OwnAttributes)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return _all_names(self)
        if is_special(name):
            raise AttributeError(name)
        if the().is_listing:
            return Name([self.__name__, name])
        return known_by_name(name, the().ask("get", self, name))

    def __setattr__(self, name: str, value: Any) -> None:
        if is_special(name) or isinstance(value, StudentModule):
            super().__setattr__(name, value)
        else:
            the().ask("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        the().ask("del", self, name)

    def __dir__(self) -> Any:
        return the().ask("dir", self)


#: The modules of the tests that import all names of one of the student's.
_STARS: Final[list[tuple[StudentModule, dict[str, Any]]]] = []


def _all_names(module: StudentModule) -> Any:
    """Return the public names of a module, for `import *`. While the tests are listed, they come later."""
    if not the().is_listing:
        return the().ask("public", module.__name__)
    _STARS.append((module, sys._getframe(2).f_globals))
    return []


@functools.cache
def _words_of(path: str) -> set[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        return set(re.findall(r"\w+", file.read()))


def bind_names(folder: str) -> None:
    """Put what the names are in their places, now that the program may be used. A missing name stays: each use of it is
    an AttributeError."""
    relay = the()
    for module, names in _STARS:
        if module.__name__ not in relay.failures:
            for name in relay.ask("public", module.__name__):
                if not hasattr(builtins, name):  # a program must not replace what the tests use
                    names.setdefault(name, Name([module.__name__, name]))
    for loaded in list(sys.modules.values()):
        if not str(getattr(loaded, "__file__", None) or "").startswith(folder):
            continue
        for name, value in list(vars(loaded).items()):
            if type(value) is Name:
                is_used = name in _words_of(loaded.__file__)  # not only by `import *`
                vars(loaded)[name] = bound(value, is_known=is_used)


def bound(value: Any, *, is_known: bool = True) -> Any:
    """Return what a name is, if the value is one and there is such a name; else the value."""
    if type(value) is not Name or value._ref[0] in the().failures:
        return value
    try:
        taken = the().ask("get", sys.modules[value._ref[0]], value._ref[1])
        return known_by_name(value._ref[1], taken) if is_known else taken
    except Exception:
        return value


class StudentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what is neither the tests', nor the language's, nor installed: that is the student's."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._loaded: set[str] = set()

    def take(self, name: str) -> None:
        """Let the student's module have this name, also if the language has such a module."""
        sys.modules[name] = StudentModule(name)
        self.names.append(name)

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        parent = name.rpartition(".")[0]
        if not _is_asked_by_tests():
            return None
        if parent and not isinstance(sys.modules.get(parent), StudentModule):
            return None
        if name not in self.names:
            failure = None if the().is_listing else the().ask("import", name)
            if failure and parent:
                return None
            if failure:
                the().failures[name] = failure
            self.names.append(name)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> StudentModule:
        return StudentModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__ in self._loaded and not the().is_listing:
            the().ask("reload", module)
        self._loaded.add(module.__name__)


def _is_asked_by_tests() -> bool:
    """Return True if a file of the tests imports, or a tool that imports in its name."""
    frame = sys._getframe(2)
    while frame.f_back and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(FOLDER) or frame.f_code.co_filename.endswith(_IMPORTERS)
