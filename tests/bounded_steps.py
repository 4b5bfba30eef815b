"""Count the steps of a function, so that a test can see whether its work grows faster than its input.

Seconds depend on the machine and on its load; steps do not. A step is one of these:

- the interpreter enters a function, goes back in a loop or returns from a call of one in C;
- the matcher of `re` has done 4,096 operations;
- 256 bytes of memory were allocated in between. That counts copies: of a text in each round of a loop, for example.

The first two are the places where CPython looks for signals that have arrived. The handler here makes its own signal
arrive again before it returns, so it is called at every one of them. It can also stop the work there, even in the
middle of a match that would take years. It needs no privileges.

A function in C that only reads, such as `str.find`, `int` or a parser in Rust, is not counted. One call of it is one
step.
"""

import ctypes
import gc
import signal
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, Final

_SIGNAL: Final = signal.SIGUSR1
_BYTES_PER_STEP: Final = 256
#: More than any of our functions takes for one character.
_MAX_FOR_A_CHARACTER: Final = 200
#: A lower count depends on where in its 4,096 operations the matcher is.
_MIN: Final = 30


class TooManySteps(BaseException):
    """The work was stopped. It is no `Exception`, so that no handler on the way catches it."""


def _stop(*_: object) -> None:
    raise TooManySteps


def _ignore(*_: object) -> None:
    pass


class _Counter:
    """The handler's second argument. ctypes converts it by `from_param` before the call, when no signal is
    waiting; so this code is not itself interrupted."""

    def __init__(self, most: int) -> None:
        self._places = 0
        self._bytes = 0
        self._most = most
        self._held = tracemalloc.get_traced_memory()[0]

    @property
    def steps(self) -> int:
        return self._places + self._bytes // _BYTES_PER_STEP

    def from_param(self, _: object) -> ctypes.c_void_p:
        held, peak = tracemalloc.get_traced_memory()
        self._places += 1
        self._bytes += max(peak - self._held, 0)
        tracemalloc.reset_peak()
        self._held = held
        if self.steps > self._most:
            signal.signal(_SIGNAL, _stop)  # it is called at the next place
        return ctypes.c_void_p()


def count_steps(work: Callable[[], object], most: int) -> int:
    """Return the steps of `work`, also if it fails. Raise `TooManySteps` as soon as there are more than `most`."""
    # Makes Python's handler of a signal due, as if the signal had arrived.
    handler: Any = ctypes.PyDLL(None).PyErr_SetInterruptEx
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    counter = _Counter(most)
    handler.argtypes = [ctypes.c_int, counter]
    before = signal.signal(_SIGNAL, handler)
    collecting = gc.isenabled()
    gc.disable()  # the work of a collection would count
    try:
        handler(_SIGNAL, None)
        work()
    except Exception:
        pass
    finally:
        signal.signal(_SIGNAL, _ignore)  # it takes the one that is still due
        signal.signal(_SIGNAL, before)
        if collecting:
            gc.enable()
        if not tracing:
            tracemalloc.stop()
    return counter.steps


def check_linear(
    work: Callable[[str], object],
    make: Callable[[int], str],
    *,
    smallest: int = 512,
    longer: Sequence[int] = (4, 16),
    slack: float = 2,
) -> None:
    """Raise `TooManySteps` if the steps grow faster than the text, when it is so many times `longer`.

    `make` returns a text of about that many characters. Steps may grow `slack` times as fast as the text.
    """
    short = make(smallest)
    count_steps(lambda: work(short), 10 * _MAX_FOR_A_CHARACTER * smallest)  # imports modules, and fills caches
    of_short = count_steps(lambda: work(short), _MAX_FOR_A_CHARACTER * smallest)
    for times in longer:
        text = make(times * smallest)
        count_steps(lambda: work(text), int(slack * times * max(of_short, _MIN)))  # noqa: B023
