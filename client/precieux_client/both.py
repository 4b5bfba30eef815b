"""Makes one definition of a method serve two clients: it is a coroutine in one of them, and blocks in the other.

A method waits only by its client's own means. Those of the blocking client never suspend it, so it runs to its end at
once, without an event loop. Both clients stay equal, and typed, because there is only one text of each method.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from inspect import signature
from types import GenericAlias, MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, get_args, overload

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """The base of a client whose methods block."""


class Asynchronous:
    """The base of a client whose methods are coroutines."""


class Method(Generic[P, T]):
    """A coroutine that is a method of both clients. It is used as a decorator."""

    def __init__(self, coroutine: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        @wraps(coroutine)
        def blocking(*args: Any, **values: Any) -> T:
            return _result_of(coroutine(*args, **values))

        self._coroutine, self._blocking = coroutine, blocking

    @overload
    def __get__(self, client: Blocking, kind: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Asynchronous, kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, client: None, kind: type) -> Callable[..., Any]: ...
    def __get__(self, client: Blocking | Asynchronous | None, kind: type) -> Callable[..., Any]:
        return _of_client(client, self._blocking if issubclass(kind, Blocking) else self._coroutine)


class IteratorMethod(Generic[P, T]):
    """An asynchronous generator that is a method of both clients. In the blocking client it returns a generator."""

    def __init__(self, generator: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> None:
        @wraps(generator)
        def blocking(*args: Any, **values: Any) -> Iterator[T]:
            return _items_of(cast("AsyncGenerator[T, None]", generator(*args, **values)))

        shown = signature(generator)
        items = GenericAlias(Iterator, get_args(shown.return_annotation))
        vars(blocking)["__signature__"] = shown.replace(return_annotation=items)
        self._generator, self._blocking = generator, blocking

    @overload
    def __get__(self, client: Blocking, kind: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Asynchronous, kind: type) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, client: None, kind: type) -> Callable[..., Any]: ...
    def __get__(self, client: Blocking | Asynchronous | None, kind: type) -> Callable[..., Any]:
        return _of_client(client, self._blocking if issubclass(kind, Blocking) else self._generator)


def _of_client(client: object, function: Callable[..., Any]) -> Callable[..., Any]:
    return function if client is None else MethodType(function, client)


def _result_of(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends to its end, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("a method of the blocking client has suspended")


def _items_of(generator: AsyncGenerator[T, None]) -> Iterator[T]:
    """Yield what a generator that never suspends yields. Its end closes the generator."""
    try:
        while True:
            try:
                item = _result_of(generator.asend(None))
            except StopAsyncIteration:
                return
            yield item
    finally:
        _result_of(generator.aclose())
