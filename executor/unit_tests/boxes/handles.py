"""Handles: what stands in the tests' box for the objects of the student's."""

import contextlib
import inspect
import operator
import types
from typing import Any, Final

from executor.unit_tests.boxes.relay import Remote, StandIn, decides, line_of_tests, the

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
#: The classes of exceptions that catch an assertion, and the methods of generators that may end them.
_CATCH_ALL: Final = (AssertionError, Exception, BaseException)
_RESUME: Final = ("send", "throw")
_IN_OPERATOR: Final = {"and": "and_", "or": "or_"}


class OwnAttributes:
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
        if is_special(name) and name not in ("__name__", "__doc__"):
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
    __dict__ = property(OwnAttributes)

    def __contains__(self, item: Any) -> bool:
        if isinstance(item, Handle) or self._class in the().taken:
            return the().ask("contains", self, item) is True
        return any(item is other or item == other for other in the().ask("iter", self))

    def __exit__(self, kind: Any, exc: Any, trace: Any) -> bool:
        if decides(exc):  # nothing that the program does or raises may take its place
            with contextlib.suppress(Exception):
                the().ask("exit", self, None, None, None)
            return False
        return the().ask("exit", self, kind, exc, None) is True and not _is_of_program(trace)

    def __deepcopy__(self, memo: Any) -> Any:
        return the().ask("deepcopy", self)

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
    for kind in value if type(value) is tuple else (value,):  # `except` takes a tuple too
        if isinstance(kind, type) and kind in _CATCH_ALL:
            raise TypeError(f"{name} is {kind.__name__}, which is no class of the program's own.")
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


def _is_of_program(trace: types.TracebackType | None) -> bool:
    """Return True if the program has raised the exception of this traceback, or a handle has refused to be used."""
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals["__name__"].startswith("executor.")


def is_special(name: str) -> bool:
    """Return True for names such as `__len__`."""
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
        assert hasattr(operator, f"i{name}")
        setattr(Handle, f"__{name}__", of_two(asked, is_reflected=False))
        setattr(Handle, f"__r{name}__", of_two(asked, is_reflected=True))
        setattr(Handle, f"__i{name}__", of_two(f"i{name}", is_reflected=False))


_add_operators()
