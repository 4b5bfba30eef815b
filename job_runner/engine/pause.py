"""Holds claims back while what they need is away: the engine and the object store, or the mail provider."""

import time
from typing import Final
from uuid import UUID

from prometheus_client import Gauge

from shared.common.service import metrics
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy

log = get_logger(__name__)

#: The most seconds between two tries. An outage that has ended must not last much longer for the submissions.
MAX_PAUSE: Final = 10.0
_POLICY: Final = RetryPolicy(base=1, cap=MAX_PAUSE)
#: Seconds between two log records of one pause.
_REPORT_SECONDS: Final = 60.0


class Pause:
    """A pause of the claims. It grows with each failure, and one claim after each pause tries whether it is over.

    While outcomes wait to be stored, no job tries: the outcomes do.

    `kind` names in the log what is claimed, and `gauge` is 1 meanwhile.
    """

    def __init__(
        self, policy: RetryPolicy = _POLICY, *, kind: str = "claims", gauge: Gauge = metrics.CLAIMS_PAUSED
    ) -> None:
        self._kind = kind
        self._gauge = gauge
        self._policy = policy
        self._clock = time.monotonic
        self._failures = 0
        self._until = 0.0
        #: The leases of the jobs whose outcomes wait.
        self._waiting: set[UUID] = set()
        #: When the log names the reason again; 0 if there is no pause.
        self._next_report = 0.0

    @property
    def is_over(self) -> bool:
        """True if the last claim found it there."""
        return self._failures == 0

    def begin(self, error: TransientError) -> None:
        """Begin a pause, or a longer one. Claims that fail together are one failure."""
        if self._until > self._clock():
            return
        self._failures += 1
        seconds = self._policy.delay(self._failures, at_least=error.retry_after)
        self._until = self._clock() + seconds
        self._report(error)

    def end(self) -> None:
        """End the pause: a claim has found it there."""
        self._failures, self._until = 0, 0.0
        self._report_end()

    def wait_for(self, lease_id: UUID, error: TransientError) -> None:
        """Claim nothing until this job's outcome, which could not be stored, is stored or given up."""
        self._waiting.add(lease_id)
        self._report(error)

    def forget(self, lease_id: UUID) -> None:
        """End the wait for an outcome, if there is one."""
        self._waiting.discard(lease_id)
        self._report_end()

    def _report(self, error: TransientError) -> None:
        self._gauge.set(1)
        if self._clock() >= self._next_report:
            self._next_report = self._clock() + _REPORT_SECONDS
            log.warning(f"{self._kind}.paused", error=str(error), outcomes=len(self._waiting))

    def _report_end(self) -> None:
        if self._next_report and not self._failures and not self._waiting:
            self._next_report = 0.0
            self._gauge.set(0)
            log.info(f"{self._kind}.resumed")

    @property
    def seconds(self) -> float:
        """The seconds for which nothing is claimed."""
        return MAX_PAUSE if self._waiting else max(0.0, self._until - self._clock())

    def limit(self, free: int, busy: int) -> int:
        """Return how many of the `free` slots may be taken, while `busy` others are.

        A pause that has not ended allows one claim at a time.
        """
        if self.is_over:
            return free
        return 0 if self.seconds > 0 or busy else min(free, 1)
