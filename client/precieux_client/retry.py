"""Decides when a call is sent again. Pure."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: The statuses after which another try can help. A 409 does only if it names a time (`Retry-After`): then an earlier
#: request with the same Idempotency-Key is still under way.
_TRANSIENT: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is sent again, and after how many seconds: a doubling delay with jitter, or `Retry-After`.

    A call waits for at most `longest_s` in all. If the server asks for more, its error is raised, and has its
    `retry_after`.
    """

    count: int = 5
    first_s: float = 0.5
    longest_s: float = 60.0

    def after_status(self, tries: int, waited_s: float, status: int, headers: Mapping[str, str]) -> float | None:
        """Return the seconds to wait before the next try, or None if there is none.

        `tries` have been made, and `waited_s` were waited between them.
        """
        asked = retry_after(headers)
        if not (status in _TRANSIENT or (status == 409 and asked is not None)):
            return None
        return self._within(tries, waited_s, asked)

    def after_failure(self, tries: int, waited_s: float) -> float | None:
        """Return the seconds to wait after a connection that failed, or None if there is no next try."""
        return self._within(tries, waited_s, None)

    def _within(self, tries: int, waited_s: float, asked: float | None) -> float | None:
        if tries > self.count:
            return None
        most = self.first_s * 2.0 ** (tries - 1)
        delay = random.uniform(most / 2, most) if asked is None else asked  # noqa: S311
        return delay if waited_s + delay <= self.longest_s else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After` (RFC 9110, section 10.2.3), or None if there is none."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
