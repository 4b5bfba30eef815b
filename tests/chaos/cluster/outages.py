"""Measures how long clients waited during the faults: from their first attempt until the mail or the webhook came."""

import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.fault import Strike
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.v1 import Kind

#: The most seconds until all work that waited for the end of a fault is done.
_AFTER: Final = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """The wait for one submission, in UNIX seconds."""

    began: float
    ended: float


def waits(world: Installation, load: Load) -> list[Wait]:
    """Return the waits for a mail (the classic calls) or a webhook (API v1), by the clock of the clients."""
    clock = time.time() - time.monotonic()
    mails: dict[str, float] = {}
    for mail in world.mailgun.accepted:
        mails.setdefault(mail.fields["to"], mail.at)
    classic = [(one.began, mails.get(one.email)) for one in load.submissions]
    rows = world.query("SELECT coalesce(batch, upload) AS id, batch IS NOT NULL AS is_batch, message_id FROM webhooks")
    names = {(row["id"], row["is_batch"]): f"msg_{row['message_id'].hex}" for row in rows}
    posted = [
        (one.began, world.receiver.times.get(names.get((one.id, one.kind is Kind.BATCH), ""))) for one in load.posted
    ]
    return [Wait(began + clock, ended + clock) for began, ended in (*classic, *posted) if ended is not None]


def longest(strikes: Sequence[Strike], measured: Sequence[Wait]) -> dict[str, float]:
    """Return the longest wait that began during each kind of fault, whose names differ only in the host's number."""
    found: defaultdict[str, float] = defaultdict(float)
    for strike in strikes:
        seconds = [wait.ended - wait.began for wait in measured if strike.began <= wait.began <= strike.healed]
        if len(strike.names) == 1 and seconds:
            kind = re.sub(r"-\d+\b", "", strike.names[0])
            found[kind] = max(found[kind], *seconds)
    return dict(found)


def overdue(strikes: Sequence[Strike], measured: Sequence[Wait]) -> list[str]:
    """Return violations: waits with more than a minute in which nothing was wrong."""
    return [
        f"a submission waited {wait.ended - wait.began:.0f} s, of them {calm:.0f} s without a fault"
        for wait in measured
        if (calm := _without_fault(wait, strikes)) > _AFTER
    ]


def _without_fault(wait: Wait, strikes: Sequence[Strike]) -> float:
    faults = sum(max(0.0, min(wait.ended, one.healed) - max(wait.began, one.began)) for one in strikes)
    return wait.ended - wait.began - faults
