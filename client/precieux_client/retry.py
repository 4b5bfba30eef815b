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

    A server that asks for more than `longest_s` is not waited for: the error is raised, and has its `retry_after`.
    """

    count: int = 5
    first_s: float = 0.5
    longest_s: float = 60.0

    def after_status(self, tries: int, status: int, headers: Mapping[str, str]) -> float | None:
        """Return the seconds to wait before the next try, or None if there is none. `tries` have been made."""
        asked = retry_after(headers)
        if tries > self.count or not (status in _TRANSIENT or (status == 409 and asked is not None)):
            return None
        if asked is None:
            return self._backoff(tries)
        return asked if asked <= self.longest_s else None

    def after_failure(self, tries: int) -> float | None:
        """Return the seconds to wait after a connection that failed, or None if there is no next try."""
        return None if tries > self.count else self._backoff(tries)

    def _backoff(self, tries: int) -> float:
        most = min(self.first_s * 2.0 ** (tries - 1), self.longest_s)
        return random.uniform(most / 2, most)  # noqa: S311


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
