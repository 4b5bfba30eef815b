"""The header Retry-After (RFC 9110, section 10.2.3). Pure: the caller passes the time."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: The next try is at most a day later, even if the server asks for more.
_MAX_SECONDS: Final = 86_400.0


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds to wait from `now`, or None if the value is neither a number of seconds nor a date."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _MAX_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _MAX_SECONDS)
