"""Handles: what stands in the tests' box for the objects of the student's, and the import of the student's modules."""

import builtins
import functools
import importlib.abc
import importlib.machinery
import inspect
import operator
import re
import sys
import types
from collections.abc import Sequence
from typing import Any, Final

from executor.unit_tests.boxes.relay import FOLDER, Remote, StandIn, decides, line_of_tests, the

#: The operators that a handle passes on alone: each has a method of its name with two underscores on both ends.
_ALONE: Final = (
    "str", "repr", "format", "len", "bool", "int", "float", "complex", "index", "abs", "round", "neg", "pos", "invert",
    "iter", "next", "reversed", "copy", "enter", "getitem", "setitem", "delitem",
)  # fmt: skip
#: The operators of two values, which are passed on for two handles, and for a plain value only if the tests know the
#: class. Those that also have a method with an `r` before the name come first.
_OF_TWO: Final = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift", "and", "or", "xor",
)  # fmt: skip
_ORDER: Final = ("lt", "le", "gt", "ge")
#: Files that import what the tests name: ours, and those of `patch`, `monkeypatch` and `importorskip`.
_IMPORTERS: Final = ("/boxes/listing.py", "/pkgutil.py", "/mock.py", "/monkeypatch.py", "/outcomes.py")
#: The classes of exceptions that catch an assertion, and the methods of generators that may end them.
_CATCH_ALL: Final = (AssertionError, Exception, BaseException)
_RESUME: Final = ("send", "throw")
_IN_OPERATOR: Final = {"and": "and_", "or": "or_"}


class _Own:
    """The attributes that an object of the student's has itself: what `patch` and `monkeypatch` put back."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __getitem__(self, name: str) -> Any:
        return the().ask("own", self._owner, name)

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


class Handle(Remote):
    """An object of the student's. `_kind` is the name of its class, and `_class` that class's number."""

    __slots__ = ("__weakref__", "_class", "_kind", "_ref")
    _kind: str
    _class: int

    def __init__(self, ref: Any, kind: str = "", of_class: int = 0) -> None:
        for name, value in (("_ref", ref), ("_kind", kind), ("_class", of_class)):
            object.__setattr__(self, name, value)

    def __del__(self) -> None:
        if isinstance(self._ref, int):
            the().drop(self._ref)

    def __getattr__(self, name: str) -> Any:
        if name == "__name__" and isinstance(self._ref, list):
            return self._ref[-1]
        if _is_special(name) and name not in ("__name__", "__doc__"):
            raise AttributeError(f"A handle has no attribute {name!r}.")
        return known_by_name(name, the().ask("get", self, name))

    def __setattr__(self, name: str, value: Any) -> None:
        the().ask("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        the().ask("del", self, name)

    def __eq__(self, other: object) -> bool:
        refuse_approximate(other)
        return isinstance(other, Handle) and the().ask("eq", self, other) is True

    def __ne__(self, other: object) -> bool:
        refuse_approximate(other)
        return not isinstance(other, Handle) or the().ask("ne", self, other) is True

    __hash__ = object.__hash__
    __dict__ = property(_Own)

    def __contains__(self, item: Any) -> bool:
        if isinstance(item, Handle) or self._class in the().taken:
            return the().ask("contains", self, item) is True
        return any(item is other or item == other for other in the().ask("iter", self))

    def __exit__(self, kind: Any, exc: Any, trace: Any) -> bool:
        told = (None, None, None) if decides(exc) else (kind, exc, None)
        return the().ask("exit", self, *told) is True and not (decides(exc) or _is_of_program(trace))

    def __fspath__(self) -> str:
        raise TypeError("This file is in the student's box: use `.read_text()`.")

    def __mro_entries__(self, bases: Any) -> Any:
        raise TypeError("A test cannot derive a class from the student's.")


class Callable(Handle):
    """A function of the student's, or another object that can be called."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return the().ask("call", self, args, tuple(kwargs.items()))


class Resuming(Callable):
    """A method that resumes a generator of the student's, which may end then."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return the().ask("resume", self, args, tuple(kwargs.items()))


class Name(Callable):
    """A name that the tests import before the program may be used. It is looked up at each use."""

    __slots__ = ("where",)

    def __init__(self, ref: list[str]) -> None:
        super().__init__(ref)
        object.__setattr__(self, "where", line_of_tests())

    def __repr__(self) -> str:
        return ".".join(self._ref) if the().is_listing else str(the().ask("repr", self))


class Class(Callable):
    """A class of the student's."""

    __slots__ = ()

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and the().ask("isinstance", value, self) is True

    def __subclasscheck__(self, value: Any) -> bool:
        return isinstance(value, Remote | StandIn) and the().ask("issubclass", value, self) is True


class Awaitable(Handle):
    """A coroutine of the student's, which runs to its end when it is awaited."""

    __slots__ = ()

    def __await__(self) -> Any:
        yield from ()
        return the().ask("await", self)


class Async(Callable):
    """An `async def` of the student's."""

    __slots__ = ()
    #: What `inspect.iscoroutinefunction` looks for, from Python 3.12 on.
    _is_coroutine_marker = getattr(inspect, "_is_coroutine_mark", None)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return await the().ask("call", self, args, tuple(kwargs.items()))


class Path(Handle):
    """A path in the student's box, which the tests have made."""

    __slots__ = ()

    def __truediv__(self, part: str) -> Any:
        return own_path(the().ask("truediv", self, part))


def own_path(made: Any) -> Any:
    """Return a handle of a path as one to which the tests may append a name."""
    object.__setattr__(made, "__class__", Path)
    return made


_KINDS: Final = {"object": Handle, "callable": Callable, "class": Class, "async": Async, "awaitable": Awaitable}


def make_handle(number: int, kind: str, name: str, of_class: int) -> Handle:
    """Return a new handle of this kind."""
    return _KINDS[kind](int(number), str(name), int(of_class))


def known_by_name(name: str, value: Any) -> Any:
    """Return a value that the tests have taken by its name. If it is a class, they know its objects; but where they
    expect a function, such as `add`, they do not know that it is one. It must not catch the tests' own assertions."""
    if isinstance(value, type) and value in _CATCH_ALL:
        raise TypeError(f"{name} is {value.__name__}, which is no class of the program's own.")
    if name in _RESUME and type(value) is Callable:
        object.__setattr__(value, "__class__", Resuming)
    if isinstance(value, Class) and name[:1].isupper():
        the().taken.add(value._ref)
    return value


def refuse_approximate(*values: Any) -> None:
    """Raise TypeError if pytest's `approx` would compare with a handle: the student's operators would decide."""
    if any(kind.__name__ == "Approx" for value in values for kind in type(value).__mro__):
        raise TypeError(_NOT_NUMBERS)


_NOT_NUMBERS: Final = "An object of a class of the student's cannot be compared approximately: compare its attributes."


def refusing(function: Any) -> Any:
    """Return the function, which raises TypeError for a handle, also inside of a list."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            parts = value if isinstance(value, list | tuple) else (value,)
            if any(isinstance(part, Handle) for part in parts):
                raise TypeError(_NOT_NUMBERS)
        return function(*args, **kwargs)

    refuse.__name__ = getattr(function, "__name__", "function")
    return refuse


class StudentModule(Remote, types.ModuleType):
    """A module of the student's. While the tests are listed, its names stand for what they will be."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        for attribute, value in (("_ref", [name]), ("__path__", [])):
            types.ModuleType.__setattr__(self, attribute, value)

    __dict__ = property(_Own)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return _all_names(self)
        if _is_special(name):
            raise AttributeError(name)
        if the().is_listing:
            return Name([self.__name__, name])
        return known_by_name(name, the().ask("get", self, name))

    def __setattr__(self, name: str, value: Any) -> None:
        if _is_special(name) or isinstance(value, StudentModule):
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


def _is_of_program(trace: types.TracebackType | None) -> bool:
    """Return True if the program has raised the exception of this traceback, or a handle has refused to be used."""
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals["__name__"].startswith("executor.")


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _add_operators() -> None:
    def alone(name: str) -> Any:
        def method(self: Handle, *operands: Any) -> Any:
            return the().ask(name, self, *operands)

        return method

    def of_two(name: str, *, is_reflected: bool) -> Any:
        def method(self: Handle, other: Any) -> Any:
            relay = the()
            if not (isinstance(other, Handle) or self._class in relay.taken or relay.is_listing):
                raise TypeError(f"This is an object of the student's class {self._kind!r}: compare its attributes.")
            operands = (other, self) if is_reflected else (self, other)
            return relay.ask(name, *operands)

        return method

    def in_order(name: str) -> Any:
        asked = of_two(name, is_reflected=False)
        return lambda self, other: asked(self, other) is True

    for name in _ALONE:
        if f"__{name}__" not in vars(Handle):
            setattr(Handle, f"__{name}__", alone(name))
    Handle.__dir__ = alone("dir")  # type: ignore[method-assign]
    for kind in (Handle, *_KINDS.values(), Name, Path):
        kind.__doc__ = property(lambda self: the().ask("get", self, "__doc__"))  # type: ignore[assignment]
    for name in _ORDER:
        setattr(Handle, f"__{name}__", in_order(name))
    for name in _OF_TWO:
        asked = _IN_OPERATOR.get(name, name)
        assert hasattr(operator, asked)
        setattr(Handle, f"__{name}__", of_two(asked, is_reflected=False))
        setattr(Handle, f"__r{name}__", of_two(asked, is_reflected=True))


_add_operators()
