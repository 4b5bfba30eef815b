"""How long another side asks us to wait (RFC 9110, section 10.2.3). Pure: the clock is the caller's."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: The next try is at most a day later, even if the server asks for more.
_LONGEST: Final = 86_400.0


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from `now`: the header holds either a number of them or a date; None when it makes no sense."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST)
