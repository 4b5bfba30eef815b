"""The generic cell rate algorithm (ITU-T I.371), for budgets: how much a subject may use of something in an hour.

A subject is a key, a recipient or a domain. One time stamp per subject says when nothing of its budget will be in
use any more. An hour's worth may be used at once, and never more. One statement reads and takes, so all replicas share
a budget, and its cost does not depend on how much was used. Only `charge`, for what was already used, may overdraw it.

Each statement locks its rows in the order of their subjects, so two transactions that take from the same budgets never
wait for each other. A transaction takes everything in one call.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from shared.adapters.database.connection import Connection
from shared.common.service.settings import Settings

_HOUR: Final = 3600.0

_ADD: Final = """
    INSERT INTO budgets AS b (subject, used_until)
    SELECT subject, now() + make_interval(secs => seconds)
    FROM unnest(CAST(:subjects AS text[]), CAST(:seconds AS float8[])) WITH ORDINALITY AS use (subject, seconds, place)
    WHERE {which}
    ORDER BY place
    ON CONFLICT (subject) DO UPDATE SET used_until = greatest(b.used_until, now()) + (excluded.used_until - now())
"""
_CHARGE: Final = _ADD.format(which="true")
_TAKE: Final = f"""
    {_ADD.format(which="seconds <= 3600")}
    WHERE greatest(b.used_until, now()) <= now() + interval '1 hour' - (excluded.used_until - now())
    RETURNING subject, extract(epoch FROM used_until - now()) AS seconds
"""

# Budgets whose subjects begin with a prefix are as many as addresses were mailed in the last hour.
_IN_USE: Final = """
    SELECT subject, used_until, extract(epoch FROM used_until - now()) AS seconds FROM budgets
    WHERE subject = ANY(:subjects) AND used_until > now()
    UNION ALL
    SELECT prefix, max(used_until), extract(epoch FROM max(used_until) - now())
    FROM unnest(CAST(:prefixes AS text[])) AS one (prefix) JOIN budgets ON starts_with(subject, prefix)
    WHERE used_until > now() GROUP BY prefix
"""


class RunBudgetSettings(Settings):
    """The budget of running time. The API checks it, and the runner charges it."""

    key_cpu_seconds: Annotated[
        int, Field(ge=1, description="seconds an hour for which one key's programs may occupy processors and slots")
    ] = 36_000


@dataclass(frozen=True, slots=True)
class Charge:
    """The use of `amount` from the budget of `subject`, which is `per_hour`."""

    subject: str
    per_hour: float
    amount: float = 1

    @property
    def seconds(self) -> float:
        """Return the time in which the budget grows by this amount."""
        return _HOUR * self.amount / self.per_hour


@dataclass(frozen=True, slots=True)
class Bucket:
    """The seconds of a budget's hour that are in use. `wait_s` is None if the amount was taken.

    Otherwise the budget is used up, and `wait_s` are the seconds until it has the amount.
    """

    in_use_s: float
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class BucketUsage:
    """The seconds of a budget's hour that are in use, and the time at which none will be."""

    seconds: float
    until: datetime


def run_seconds(key_id: int) -> str:
    """Return the subject of the budget for the running time of a key's programs."""
    return f"run-seconds:{key_id}"


async def take(connection: Connection, charges: Collection[Charge]) -> dict[str, Bucket]:
    """Take from several budgets, and return their buckets, by subject.

    A charge that is larger than its whole budget finds it used up at any time. If any is used up, the caller must roll
    back its transaction, because the other budgets were taken from.
    """
    rows = await connection.fetch_all(_TAKE, _values(charges))
    buckets = {row["subject"]: Bucket(float(row["seconds"])) for row in rows}
    used_up = {charge.subject: charge.seconds for charge in charges if charge.seconds and charge.subject not in buckets}
    if used_up:
        ahead = await in_use(connection, used_up)
        for subject, seconds in used_up.items():
            used = ahead[subject].seconds if subject in ahead else 0.0
            buckets[subject] = Bucket(used, used + seconds - _HOUR)
    return buckets


async def charge(connection: Connection, charges: Collection[Charge]) -> None:
    """Charge an amount that was already used, even if it overdraws the budgets."""
    await connection.execute(_CHARGE, _values(charges))


async def overdrawn(connection: Connection, subject: str) -> float:
    """Return the seconds until at most an hour's worth of the budget is in use; 0 if that is so now. Locks nothing."""
    usage = (await in_use(connection, [subject])).get(subject)
    return max(0.0, usage.seconds - _HOUR) if usage else 0.0


async def in_use(
    connection: Connection, subjects: Collection[str], prefixes: Collection[str] = ()
) -> dict[str, BucketUsage]:
    """Return what is in use of each budget that has anything in use, by subject.

    For each prefix, it is what is in use of the fullest budget whose subject begins with it.
    """
    rows = await connection.fetch_all(_IN_USE, {"subjects": list(subjects), "prefixes": list(prefixes)})
    return {row["subject"]: BucketUsage(float(row["seconds"]), row["used_until"]) for row in rows}


def _values(charges: Collection[Charge]) -> Mapping[str, object]:
    ordered = sorted(charges, key=lambda charge: charge.subject)
    return {"subjects": [charge.subject for charge in ordered], "seconds": [charge.seconds for charge in ordered]}
