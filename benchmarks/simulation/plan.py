"""How many of each process so many submissions a day need, and where the next limit is."""

import math
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.simulation.costs import Costs
from benchmarks.simulation.installation import EXECUTOR_SLOTS, RUNNER_SLOTS, Load, Size, percentile, simulate

DAY: Final = 86_400
#: The busiest hour has so many times the mean rate, and processors are busy for this part of it.
PEAK: Final = 4
BUSY: Final = 0.6
#: The 99th percentile of the delay that a plan may have, in seconds.
LONGEST_DELAY: Final = 1.0
#: Of each process there are at least two, so that one may fail.
_LEAST: Final = 2
#: Connections of a pod to Postgres: its pool, and one that listens (not the consumer's).
POOL: Final = 5
#: What the mail provider may take a second.
MAILS: Final = 100.0
#: How many are simulated.
SUBMISSIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The size for a day's submissions, and what the simulation of its busiest hour shows. Times are in seconds."""

    a_day: int
    program: float
    rate: float
    size: Size
    delay_median: float
    delay_p99: float
    busy: dict[str, float]
    connections: int


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound of what cannot be replicated. `most` is what it carries a second, `each` what a submission takes."""

    what: str
    each: float
    most: float
    unit: str
    source: str

    @property
    def a_day(self) -> float:
        """The submissions a day that reach it in their busiest hour."""
        return self.most / self.each / PEAK * DAY


def plan(a_day: int, costs: Costs, *, program: float = 0.5) -> Plan:
    """Return a size with which processors and delays are within the bounds, and what the simulation of it shows."""
    load = Load(rate=a_day / DAY * PEAK, program=program)
    size = _least(load, costs)
    while True:
        seen = simulate(size, load, costs, submissions=SUBMISSIONS)
        delay = percentile(seen.delays, 0.99)
        if delay <= LONGEST_DELAY:
            break
        size = _more(size, max(seen.busy, key=lambda part: seen.busy[part]))
    return Plan(
        a_day=a_day,
        program=program,
        rate=round(load.rate, 1),
        size=size,
        delay_median=round(percentile(seen.delays, 0.5), 3),
        delay_p99=round(delay, 3),
        busy={part: round(busy, 2) for part, busy in seen.busy.items()},
        connections=connections(size),
    )


def connections(size: Size) -> int:
    """Return how many connections to Postgres the processes hold at most."""
    return (size.api + size.runner) * (POOL + 1) + size.consumer * POOL


def _least(load: Load, costs: Costs) -> Size:
    """Return the size by the mean load alone."""

    def of(seconds: float, servers: int = 1) -> int:
        return max(_LEAST, math.ceil(load.rate * seconds / BUSY / servers))

    executor = of(costs.executor + load.program, EXECUTOR_SLOTS)
    return Size(
        api=of(costs.api),
        consumer=of(costs.consumer),
        runner=max(of(costs.runner), _runners_for(executor)),
        executor=executor,
        postgres=of(costs.postgres),
    )


def _more(size: Size, part: str) -> Size:
    """Return a size with a tenth more of this part."""
    grown = replace(size, **{part: math.ceil(getattr(size, part) * 1.1)})
    return replace(grown, runner=max(grown.runner, _runners_for(grown.executor)))


def _runners_for(executors: int) -> int:
    """Return the fewest runners that have as many slots."""
    return math.ceil(executors * EXECUTOR_SLOTS / RUNNER_SLOTS)


def limits(costs: Costs, mails: float = MAILS) -> list[Limit]:
    """Return the limits of what one installation has once, the nearest first. `mails` is the provider's rate."""
    found = [
        Limit("mails of the provider", 1, mails, "mails", "assumed: each provider has its own rate for an account"),
        Limit("commits of Postgres", costs.commits, 5000, "commits", "assumed: provisioned I/O, a standby in the zone"),
        Limit("CPU of Postgres", costs.postgres, 8 * BUSY, "cores", "8 vCPU, busy for 60 %"),
        Limit("log of Postgres", costs.log_kib / 1024, 100, "MiB", "assumed: a disk of 100 MiB/s"),
        Limit("messages of RabbitMQ", 1, 8000, "messages", "measured: confirms of one connection"),
        Limit("writes to one prefix of the store", 2, 3500, "writes", "S3's promise"),
    ]
    return sorted(found, key=lambda limit: limit.a_day)
