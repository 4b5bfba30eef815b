"""Random faults, alone and in pairs, under a steady stream of submissions; then quiet, and the checks."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.fault import Broken, Fault, Strike
from tests.chaos.installation import LEASE_SECONDS, Installation
from tests.chaos.invariants import Verdict, judge, wait_until_settled
from tests.chaos.load import Load

#: Seconds before the first fault.
_CALM_S: Final = 2.0


@dataclass
class Report:
    """The faults and the outcome; `drain_s` is the time from the last fault to the last end."""

    seed: int
    backends: str
    seconds: float
    faults: Counter[str] = field(default_factory=Counter)
    strikes: list[Strike] = field(default_factory=list)
    deaths: int = 0
    drain_s: float = 0.0
    verdict: Verdict | None = None
    overdue: list[str] = field(default_factory=list)


def storm(
    system: Broken,
    faults: Sequence[Fault[Broken]],
    load: Load,
    *,
    seconds: float,
    seed: int,
    rate: float = 5.0,
    drain_timeout: float = 60.0,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Submit `rate` programs a second, and cause faults, for `seconds`. The seed chooses them."""
    rng = random.Random(seed)
    report = Report(seed, system.name, seconds)
    began = time.monotonic()
    stream = Stream(load, rate, system.webhook_url)
    # RabbitMQ does not serve a queue again if it is killed just after the declaration (docs/reliability.md).
    stream.flow(system, _CALM_S)
    while (now := time.monotonic() - began) < seconds:
        struck = _choose(faults, rng)
        tell(f"{now:6.1f} s  {' + '.join(fault.name for fault in struck)}")
        report.faults.update(fault.name for fault in struck)
        struck_at = time.time()
        for fault in struck:
            fault.begin(system)
        stream.flow(system, max(rng.uniform(*fault.seconds) for fault in struck))
        for fault in reversed(struck):
            fault.heal(system)
        report.strikes.append(Strike(tuple(fault.name for fault in struck), struck_at, time.time()))
        stream.flow(system, rng.uniform(0.2, 1.0))
    peace = time.monotonic()
    try:
        wait_until_settled(system, load, timeout=drain_timeout, what="everything ends after the storm")
    except AssertionError as exc:
        report.overdue.append(str(exc))
    report.drain_s = time.monotonic() - peace
    report.verdict = judge(system, load)
    system.keep_folder |= bool(report.overdue or report.verdict.violations)
    report.overdue += _overdue_leases(system)
    report.deaths = sum(service.deaths for service in system.services.values())
    return report


class Stream:
    """Submits at a steady rate while it tends the system: by the classic calls and by API v1 in turn."""

    def __init__(self, load: Load, rate: float, webhook_url: str) -> None:
        self._load = load
        self._rate = rate
        self._webhook_url = webhook_url
        self._began = time.monotonic()
        self._submitted = 0

    def flow(self, system: Installation, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            while self._submitted < int((time.monotonic() - self._began) * self._rate):
                if self._submitted % 2:
                    self._load.post(self._webhook_url)
                else:
                    self._load.submit()
                self._submitted += 1
            system.rest(0.1)


def _choose(faults: Sequence[Fault[Broken]], rng: random.Random) -> list[Fault[Broken]]:
    first = rng.choice(faults)
    others = [fault for fault in faults if fault.goes_with(first)]
    return [first, rng.choice(others)] if others and rng.random() < 0.5 else [first]


def _overdue_leases(system: Installation) -> list[str]:
    """Return violations: leases that expired without a rescue, although the runners are at work."""
    rows = system.query(
        "SELECT id FROM job WHERE status = 'executing' AND lease_expires_at < now() - make_interval(secs => $1)",
        float(LEASE_SECONDS),
    )
    return [f"the lease of job {row['id']} outlived its term" for row in rows]
