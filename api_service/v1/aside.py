"""Does the work on large bodies in threads, so that other requests need not wait for it."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: The bytes from which a body is large. The work on a smaller one takes less time than a thread is worth.
LARGE: Final = 64 << 10


async def aside(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns. For a body of `size` bytes that is large, it runs in a thread."""
    if size < LARGE:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
