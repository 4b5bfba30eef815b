"""Waiting for events elsewhere: the only polling in the tests, always with a bound."""

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, overload

T = TypeVar("T")

#: The factor by which everything may take longer: more than 1 on a machine whose processor is emulated.
PATIENCE: Final = float(os.environ.get("PRECIEUX_TEST_PATIENCE", "1"))
_INTERVAL = 0.02


@overload
async def eventually(predicate: Callable[[], Awaitable[T]], timeout: float = 30.0, what: str = "") -> T: ...
@overload
async def eventually(predicate: Callable[[], T], timeout: float = 30.0, what: str = "") -> T: ...
async def eventually(predicate: Callable[[], Awaitable[T] | T], timeout: float = 30.0, what: str = "") -> T:
    """Return the predicate's first true answer. Fail the test if there is none in `timeout` seconds."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        answer = predicate()
        value = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or inspect.getsource(predicate).strip()}: not within {timeout * PATIENCE:g} s")
        await asyncio.sleep(_INTERVAL)


def eventually_sync(predicate: Callable[[], T], timeout: float = 30.0, what: str = "") -> T:
    """Do the same without an event loop, for fixtures and tests that drive whole processes."""
    deadline = time.monotonic() + timeout * PATIENCE
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or inspect.getsource(predicate).strip()}: not within {timeout * PATIENCE:g} s")
        time.sleep(_INTERVAL)
    return value
