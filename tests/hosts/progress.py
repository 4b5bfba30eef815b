"""Shows the progress of long work: one line that is updated on a terminal, or a line every 30 seconds in a pipe."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

_EVERY_S: Final = 30


class Progress:
    """Prints to standard error, so that standard output carries only results."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)

    def print(self, text: str) -> None:
        self._console.print(Text(f"hosts: {text}"))

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show the title and the elapsed time until the block ends."""
        began = time.monotonic()
        if not self._console.is_terminal:
            self.print(title)
        ended = threading.Event()
        ticking = threading.Thread(target=self._tick, args=(title, began, ended), daemon=True)
        ticking.start()
        try:
            yield
        finally:
            ended.set()
            ticking.join()

    def _tick(self, title: str, began: float, ended: threading.Event) -> None:
        if self._console.is_terminal:
            with self._console.status("") as status:
                while True:
                    status.update(Text(f"{title}: {time.monotonic() - began:.0f} s"))
                    if ended.wait(1):
                        return
        while not ended.wait(_EVERY_S):
            self.print(f"  still running after {time.monotonic() - began:.0f} s")
