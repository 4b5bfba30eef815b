"""Decides when a call is sent again."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: Seconds before the second try, and seconds of all pauses of a call.
FIRST_S: Final = 0.5
_MAX_S: Final = 60.0
#: The statuses after which another try can help. A 409 does only if it names a time (`Retry-After`): then an earlier
#: request with the same Idempotency-Key is still under way.
_TRANSIENT: Final = frozenset({429, 502, 503, 504})


class Tries:
    """The tries of one call, and the pauses between them: doubling ones with jitter, or what `Retry-After` says.

    There are at most `retries` after the first one, and the pauses take at most a minute in all. If the server asks for
    more, its error is raised, and has its `retry_after`.
    """

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self.begin()

    def begin(self) -> None:
        """Count from zero again."""
        self.count = 0
        self._waited_s = 0.0

    def after_status(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Count a refused try. Return the seconds until the next try, or None if it was the last."""
        retry_after_s = retry_after(headers)
        can_help = status in _TRANSIENT or (status == 409 and retry_after_s is not None)
        delay = self._next(retry_after_s)
        return delay if can_help else None

    def after_failure(self) -> float | None:
        """Count a try whose connection failed. Return the seconds until the next try, or None after the last."""
        return self._next(None)

    def _next(self, retry_after_s: float | None) -> float | None:
        self.count += 1
        if self.count > self._retries:
            return None
        longest = FIRST_S * 2.0 ** (self.count - 1)
        delay = random.uniform(longest / 2, longest) if retry_after_s is None else retry_after_s  # noqa: S311
        if self._waited_s + delay > _MAX_S:
            return None
        self._waited_s += delay
        return delay


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After` (RFC 9110, section 10.2.3), or None without a valid value."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
