"""Does the work on large bodies in threads, so that other requests need not wait for it.

The threads do nothing else. In asyncio's own, this work would hold up the object store.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Concatenate, Final, ParamSpec, TypeVar

from starlette.requests import Request

P = ParamSpec("P")
T = TypeVar("T")

#: The bytes from which a body is large. The work on a smaller one takes less time than a thread is worth.
LARGE: Final = 64 << 10
#: More would not be faster, since Python runs one at a time.
_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="aside")


async def run_in_thread_if_large(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns. For a body of `size` bytes that is large, it runs in a thread."""
    if size < LARGE:
        return work(*args, **kwargs)
    return await run_in_thread(work, *args, **kwargs)


async def read_parsed(
    request: Request, read: Callable[Concatenate[bytes, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Return the value that `read` makes of the body of a request."""
    body = await request.body()
    return await run_in_thread_if_large(len(body), read, body, *args, **kwargs)


async def run_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns, which runs in a thread."""
    bound = partial(copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, bound)
