"""The Prometheus metrics of all services. Their names carry units. Labels are few, and never ids.

`GET /metrics` on `PRECIEUX_METRICS_PORT` shows those of one process (`shared.records.operations.health`). Several
processes of the API on one port show the sums of their counters.
"""

import os
import warnings
from collections.abc import Iterator
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector

#: The variable that names the folder in which processes of one service keep their counters, for prometheus_client.
OF_ALL_PROCESSES: Final = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

HTTP_REQUESTS = Counter("precieux_http_requests_total", "Requests that the API answered", ["route", "status"])
HTTP_SECONDS = Histogram("precieux_http_request_seconds", "Time to answer a request", ["route"], buckets=_SECONDS)

OUTBOX_PUBLISHED = Counter("precieux_outbox_published_total", "Messages that the broker has confirmed")

MESSAGES = Counter("precieux_messages_total", "Messages that the consumer settled", ["settlement"])

JOBS_CLAIMED = Counter("precieux_jobs_claimed_total", "Claims, every attempt counted")
JOBS_RETRIED = Counter("precieux_jobs_retried_total", "Attempts that failed on our side and will be repeated")
JOBS_RESCUED = Counter("precieux_jobs_rescued_total", "Jobs taken back from runners that died")
JOBS_INTERRUPTED = Counter("precieux_jobs_interrupted_total", "Runs that ended with their engine")
POISON_JOBS = Counter("precieux_poison_jobs_total", "Jobs whose program stopped its engine or runner twice")
JOBS_FINISHED = Counter("precieux_jobs_finished_total", "Jobs that ended", ["state", "verdict"])
JOB_WAIT_SECONDS = Histogram("precieux_job_wait_seconds", "From the job's row to its claim", buckets=_SECONDS)
JOB_RUN_SECONDS = Histogram("precieux_job_run_seconds", "From the claim to the stored result", buckets=_SECONDS)
CLAIMS_PAUSED = Gauge("precieux_runner_claims_paused", "1 while the engine or the store is away, else 0")
SLOTS_BUSY = Gauge("precieux_runner_slots_busy", "Runs that this runner has at the engine")
WAITING_FOR_SLOT = Gauge("precieux_runner_waiting_for_slot", "Runs that an engine has, and that wait for a slot there")
ENGINE_FULL = Counter("precieux_engine_full_total", "Runs that an engine refused because its queue was full")
ENGINE_UP = Gauge("precieux_engine_up", "1 while an engine may get runs, 0 while it is away", ["engine"])

MAILS = Counter("precieux_mails_total", "Attempts to send a mail, by result", ["result"])
MAILER_PAUSED = Gauge("precieux_mailer_paused", "1 while the provider is away or refuses our account, else 0")

WEBHOOKS = Counter("precieux_webhooks_total", "Attempts to deliver a webhook, by result", ["result"])

SERVICE = Gauge("precieux_service", "1 for the service that this process is", ["service"])

DATABASE_FULL = Counter("precieux_database_full_total", "Statements that failed because the database's disk was full")

LOOP_RESTARTS = Counter("precieux_loop_restarts_total", "Loops restarted after an unexpected error", ["loop"])

# Read from the database at each `GET /metrics` of the API (`shared.records.operations.backlog`).
BACKLOG = Gauge("precieux_backlog", "Size of the backlog, by place", ["where"])
BACKLOG_AGE_SECONDS = Gauge("precieux_backlog_oldest_age_seconds", "Age of the oldest in the backlog", ["where"])
# Of every process.
DATABASE_CONNECTIONS = Gauge("precieux_database_connections", "Connections of this process's pool", ["state"])
DATABASE_UP = Gauge("precieux_database_up", "1 if the database answers this process, else 0")
STANDBY_MISSING = Gauge("precieux_database_standby_missing", "1 if commits wait for a standby that is not connected")

# A counter that appears with its first event has no increase, so an alert would miss that event.
for _metric, _values in (
    (MESSAGES, ("ack", "retry", "reject")),
    (MAILS, ("sent", "suppressed", "retried", "paused", "refused", "uncertain")),
    (WEBHOOKS, ("delivered", "gone", "retried", "failed")),
):
    for _value in _values:
        _metric.labels(_value)


# Only gauges lose labels, and each process shows its own.
warnings.filterwarnings("ignore", "(Removal|Clearing).*multi-process mode", UserWarning)


class Exposed:
    """Collects the metrics of this process. With others on its port, counters and histograms are the sums of all."""

    def collect(self) -> Iterator[Metric]:
        if OF_ALL_PROCESSES not in os.environ:
            yield from REGISTRY.collect()
            return
        # Counters of the process itself, such as its CPU time, are not summed.
        yield from (metric for metric in REGISTRY.collect() if metric.type == "gauge")
        sums = MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]  # it has no types
        yield from (metric for metric in sums if metric.type != "gauge")
