"""What a person sees while long work goes on: a line that moves on a terminal, a line now and then in a pipe."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

_EVERY_S: Final = 30


class Teller:
    """Tells on standard error, so that a pipe carries results alone."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, words: str) -> None:
        self._console.print(Text(f"hosts: {words}"))

    @contextlib.contextmanager
    def step(self, words: str) -> Iterator[None]:
        """Show that `words` goes on, and for how long, until the block ends."""
        began = time.monotonic()
        if not self._console.is_terminal:
            self.say(words)
        ended = threading.Event()
        ticking = threading.Thread(target=self._tick, args=(words, began, ended), daemon=True)
        ticking.start()
        try:
            yield
        finally:
            ended.set()
            ticking.join()

    def _tick(self, words: str, began: float, ended: threading.Event) -> None:
        if self._console.is_terminal:
            with self._console.status("") as status:
                while True:
                    status.update(Text(f"{words}: {time.monotonic() - began:.0f} s"))
                    if ended.wait(1):
                        return
        while not ended.wait(_EVERY_S):
            self.say(f"  still at it after {time.monotonic() - began:.0f} s")
