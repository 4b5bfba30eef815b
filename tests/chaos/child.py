"""Run a service as `python -m` would, with a test's changes in it: `python -m tests.chaos.child MODULE`.

Services learn only here when to die: their own code has no hook for it.

    --die-at POINT         SIGKILL itself when it first gets there; see `POINTS`
    --mail-lease SECONDS   notice a dead sender of mails or webhooks sooner than timeouts allow in production
"""

import argparse
import os
import runpy
import signal
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

#: Where to die: the function, and whether before or after it runs.
POINTS: Final = {
    "file stored, row not committed": ("shared.adapters.storage.local:LocalStore.put", "after"),
    "request committed, answer not sent": ("api_service.submissions.service:Submissions.request_execution", "after"),
    "request committed, not published": ("shared.adapters.broker.rabbitmq:RabbitMQBroker.publish", "before"),
    "published, not deleted": ("shared.adapters.broker.outbox:remove", "before"),
    "job inserted, not acknowledged": ("queue_consumer.jobs:JobMaker.handle", "after"),
    "result of a test written, engine not at its end": ("job_runner.leases.test_results:TestResults._write", "after"),
    "cancelled, answer not sent": ("api_service.v1.routes.submission:cancel", "after"),
    "claimed, engine not asked": ("job_runner.runs.program_runs:ProgramRuns.run", "before"),
    "engine answered, nothing stored": ("job_runner.runs.program_runs:ProgramRuns.run", "after"),
    "output stored, outcome not committed": ("job_runner.runs.completion:finish", "before"),
    "mail claimed, not sent": ("job_runner.emails.mailers.mailgun:MailgunMailer.send", "before"),
    "mail accepted, not recorded": ("job_runner.emails.mailers.mailgun:MailgunMailer.send", "after"),
    "webhook claimed, not posted": ("job_runner.webhooks.delivery:Deliverer.deliver", "before"),
    "webhook posted, not recorded": ("job_runner.webhooks.delivery:Deliverer.deliver", "after"),
}


def die_at(point: str) -> None:
    """Patch the coroutine function of `point` so that the process ends there by SIGKILL."""
    place, when = POINTS[point]
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner: Any = import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    original: Callable[..., Any] = getattr(owner, name)

    async def dying(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            await original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


def replace(module: str, name: str, value: object) -> None:
    """Give a constant of a module another value. Raises `AttributeError` if the module no longer has it."""
    found = import_module(module)
    getattr(found, name)
    setattr(found, name, value)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--die-at", choices=POINTS)
    parser.add_argument("--mail-lease", type=float)
    parser.add_argument("module")
    chosen = parser.parse_args()
    if chosen.mail_lease is not None:
        for sender in ("job_runner.emails.sending.sender", "job_runner.webhooks.sender"):
            replace(sender, "LEASE_SECONDS", chosen.mail_lease)
    # Mails whose answer was lost come within the time of a storm, and are given up after its longest fault: two minutes
    # in place of five hours.
    pauses = (1.0, 2.0, 4.0, *[8.0] * 15)
    replace("job_runner.emails.sending.sender", "UNCERTAIN_PAUSES", pauses)
    replace("job_runner.emails.sending.queue", "MAX_COPIES", len(pauses) + 1)
    if chosen.die_at is not None:
        die_at(chosen.die_at)
    runpy.run_module(chosen.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
