"""How long an answer waits for a result: `Prefer: wait=N` (RFC 7240) and `?wait=N`."""

import re
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from pydantic import Field

from api_service.http.openapi import answer_header, request_header
from api_service.requests.validation import Strict

MAX_WAIT_S: Final = 60

#: One preference of the header: a name, perhaps with a value and parameters (RFC 7240, section 2).
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PREFERENCE: Final = re.compile(
    rf"\s*(?P<name>{_WORD})\s*(?:=\s*(?P<value>{_WORD}|{_QUOTED})\s*)?"
    rf"(?:;\s*(?:{_WORD}\s*(?:=\s*(?:{_WORD}|{_QUOTED})\s*)?)?)*(?:,|$)"
)
_SECONDS: Final = re.compile(r'"?([0-9]{1,1000})"?', re.ASCII)


class WaitQuery(Strict):
    """The query of a call that can wait."""

    wait: int | None = Field(
        default=None,
        ge=0,
        le=MAX_WAIT_S,
        description="Seconds to wait until the state is final or `held`. It wins over `Prefer: wait`.",
        examples=[10],
    )


PREFER: Final = request_header(
    "Prefer",
    f"`wait=N`: the seconds to wait until the state is final or `held`, {MAX_WAIT_S} at most. Another value is"
    " ignored.",
    example="wait=10",
)
PREFERENCE_APPLIED: Final = answer_header("Preference-Applied", "`wait=N`, if the wait was preferred by `Prefer`.")


@dataclass(frozen=True, slots=True)
class Wait:
    """How long an answer waits, and the header fields that say so."""

    seconds: int
    headers: dict[str, str]


NO_WAIT: Final = Wait(0, {})


def wait_of(request: Request, query: WaitQuery | None) -> Wait:
    """Return the wait that a request asks for; its query wins over `Prefer`."""
    if query is not None and query.wait is not None:
        return Wait(query.wait, {})
    preferred = _preferred(",".join(request.headers.getlist("Prefer")))
    return Wait(preferred, {"Preference-Applied": f"wait={preferred}"}) if preferred is not None else NO_WAIT


def _preferred(header: str) -> int | None:
    """Return the seconds of the preference `wait`. If there are several, the first counts."""
    position = 0
    while position < len(header) and (preference := _PREFERENCE.match(header, position)):
        position = preference.end()
        if preference["name"].lower() == "wait":
            seconds = _SECONDS.fullmatch(preference["value"] or "")
            return min(int(seconds[1]), MAX_WAIT_S) if seconds else None
    return None
