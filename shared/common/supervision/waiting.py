"""Reports which parts a start waits for: at once to the parent process, and in the log if it takes long."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from shared.common.service.logging import get_logger
from shared.common.service.notify import notify_status

log = get_logger(__name__)

#: The beginning of a status that names the parts that are not ready.
WAITING: Final = "Waiting for "
#: Name of a part -> its words in a status. Any other part has "the" before its name: "the executor".
WORDS: Final[Mapping[str, str]] = {
    "migrate": "the migrations",
    "queue_consumer": "the queue consumer",
    "job_runner": "the job runner",
    "api_service": "the API",
}
_AGAIN_S = 30.0
#: Seconds that each step of a start may take. The units allow the same time for the first step.
_MORE_S = 300.0


class StartReport:
    """Reports the parts that are not ready: in the log after `long_s` seconds, and then every `_AGAIN_S`.

    `report_at` is the time of the next report; None if all parts are ready. The parent is asked for more time only when
    it gets names that it has not had before, so a part that keeps ending cannot prolong the start without end.
    """

    def __init__(self, long_s: float) -> None:
        self._long_s = long_s
        self._parts: Sequence[str] = ()
        self._reported: set[frozenset[str]] = set()
        self._since = 0.0
        self.report_at: float | None = None

    def report(self, parts: Sequence[str]) -> bool:
        """Report the parts that are not ready. Return True if there are any."""
        now = time.monotonic()
        if parts != self._parts:
            self._parts, self._since = parts, now
            self.report_at = now + self._long_s if parts else None
            if parts:
                is_step = frozenset(parts) not in self._reported
                self._reported.add(frozenset(parts))
                words = " and ".join(WORDS.get(part, f"the {part}") for part in parts)
                notify_status(WAITING + words, _MORE_S if is_step else 0)
        elif self.report_at is not None and now >= self.report_at:
            log.info("up.waiting", waiting_for=", ".join(parts), seconds=round(now - self._since))
            self.report_at = now + _AGAIN_S
        return bool(parts)

    def reset(self) -> None:
        """Report the next parts as new ones, because one of them was restarted."""
        self._parts = ()
