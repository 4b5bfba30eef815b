"""Follows a submission until it has ended, with a line that shows its progress."""

from typing import Final

import typer
from rich.text import Text

from precieux import terminal
from precieux.host.interrupts import Expired, stoppable
from precieux.installation.server import Server
from precieux_client import Event, Submission
from precieux_client.models import GOOD_VERDICTS
from shared.common.service.stop_signals import INTERRUPTED
from shared.common.text.control_characters import replace_controls

#: The exit code of a wait that took too long, as timeout(1) reports it.
_TIMED_OUT: Final = 124
_STATES: Final = {
    "held": "registered; it runs when it is requested",
    "queued": "waiting for its turn",
    "running": "running",
    "finished": "done",
    "failed": "given up",
    "cancelled": "cancelled",
}


def follow(server: Server, number: int, *, timeout: float | None) -> Submission:
    """Return a submission when it has ended. Exits if that takes longer than `timeout` seconds, or on Ctrl-C."""
    client = server.connect(patient=True)
    progress = EventProgress(number)
    try:
        with stoppable(timeout), terminal.err.status(progress.line) as status:
            for event in client.events(number):
                line = progress.after(event)
                status.update(line)
                if not terminal.err.is_terminal and event.name == "state":
                    terminal.err.print(line, soft_wrap=True)
        return client.get(number)
    except (KeyboardInterrupt, Expired) as exc:
        terminal.hint(f"Submission {number} still runs: see `{server.command('watch', number)}`.")
        raise typer.Exit(_TIMED_OUT if isinstance(exc, Expired) else INTERRUPTED) from None


class EventProgress:
    """The progress of a submission. `line` is a `Text`, because the server's words must not be markup."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._state = "registered"
        self._detail = ""
        self._passed = self._bad = 0

    @property
    def line(self) -> Text:
        return Text(replace_controls(f"Submission {self._number}: {self._state}{self._detail}"))

    def after(self, event: Event) -> Text:
        """Return the line after an event."""
        if event.name == "state":
            state = str(event.data.get("state"))
            self._state, self._detail = _STATES.get(state, state), ""
            self._passed = self._bad = 0
        elif event.name == "test":
            good = event.data.get("verdict") in GOOD_VERDICTS
            self._passed, self._bad = self._passed + good, self._bad + (not good)
            self._detail = f" ({self._passed} of {self._passed + self._bad} tests passed so far)"
        return self.line
