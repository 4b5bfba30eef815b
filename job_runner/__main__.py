"""Composes the job runner: `python -m job_runner`."""

import asyncio
import sys
from typing import Final

from job_runner.batches.finisher import BatchFinisher
from job_runner.emails.mailers import MailSettings, open_mailer
from job_runner.emails.sending.complete import MailCompletion
from job_runner.emails.sending.pending_mails import PendingMails
from job_runner.emails.sending.sender import MailSender
from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.footer import Footer
from job_runner.engine.languages import Languages
from job_runner.leases.rescuer import Rescuer
from job_runner.problems.checks import Checks, DataChecks
from job_runner.problems.package_runs import PackageRuns
from job_runner.runs.process import Processor
from job_runner.runs.runner import Runner
from job_runner.settings import RunnerSettings
from job_runner.upkeep.cleaner import Cleaner
from job_runner.webhooks.body import Bodies
from job_runner.webhooks.delivery import Deliverer
from job_runner.webhooks.sender import WebhookSender
from shared.adapters.database.connection import Database, DatabaseSettings
from shared.adapters.database.schema import require_current
from shared.adapters.engine.engines import Engines
from shared.adapters.engine.settings import EngineSettings
from shared.adapters.storage.open import open_signer, open_store
from shared.adapters.storage.settings import StoreSettings
from shared.common.service.lifecycle import restarting, run_loops, run_service
from shared.common.service.logging import get_logger
from shared.common.service.notify import notify_ready
from shared.common.service.settings import load
from shared.records.accounts.cell_rate import RunBudgetSettings
from shared.records.accounts.webhooks import WebhookSettings
from shared.records.operations.health import HealthServer, HealthSettings
from shared.records.operations.workers import connection_name
from shared.records.resources.links import Links

log = get_logger(__name__)

#: Packages whose data a runner checks at once, so that a large one does not hold up those of other keys.
_DATA_CHECKS: Final = 4


async def serve(stop: asyncio.Event) -> None:
    settings, mail_settings = load(RunnerSettings), load(MailSettings)
    database = Database(load(DatabaseSettings), name=connection_name("job_runner", slots=settings.runner_concurrency))
    store_settings = load(StoreSettings)
    store, signer = open_store(store_settings), open_signer(store_settings)
    mailer = open_mailer(mail_settings)
    links = Links(signer)
    branding = Branding(mail_settings.domain, links)
    footer = Footer(sender=mail_settings.mail_from, contact=mail_settings.complaints)
    engine = Engines(load(EngineSettings), is_patient=True)
    webhook_settings = load(WebhookSettings)
    deliverer = Deliverer(webhook_settings.egress)
    try:
        await database.connect(stop)
        if stop.is_set():
            return
        await require_current(database)
        processor = Processor(
            database,
            store,
            engine,
            branding,
            settings.max_attempts,
            key_cpu_seconds=load(RunBudgetSettings).key_cpu_seconds,
        )
        rescuer = Rescuer(database, interval=settings.lease_seconds / 3)
        pending_mails = PendingMails(database, store, branding)
        sender = MailSender(
            database,
            mailer,
            MailCompletion(branding, footer, store, mail_settings.mail_reply_to),
            poll_interval=settings.poll_interval,
            render_pending=pending_mails.render,
        )
        webhook_sender = WebhookSender(
            database, deliverer, Bodies(links, store).render, webhook_settings, poll_interval=settings.poll_interval
        )
        data_checks = DataChecks(
            database, PackageRuns(store, engine), processor.charges, poll_interval=settings.poll_interval
        )
        loops = [
            restarting("health", HealthServer(load(HealthSettings), database).run),
            Runner(database, processor, settings, lambda: engine.refused > 0).run,
            restarting("rescuer", rescuer.run),
            restarting("languages", Languages(database, engine.languages, engine.slots).run),
            restarting("sender", sender.run),
            restarting("webhooks", webhook_sender.run),
            restarting("batches", BatchFinisher(database, branding, poll_interval=settings.poll_interval).run),
            restarting("checks", Checks(database, branding, poll_interval=settings.poll_interval).run),
            *(restarting("check data", data_checks.run) for _ in range(_DATA_CHECKS)),
            restarting("cleaner", Cleaner(database, store, mailer, days=settings.retention_days).run),
        ]
        log.info("runner.ready", concurrency=settings.runner_concurrency, mailer=type(mailer).__name__)
        notify_ready()
        await run_loops(loops, stop)
    finally:
        await engine.close()
        await deliverer.close()
        await mailer.close()
        await store.close()
        await database.disconnect()


if __name__ == "__main__":
    sys.exit(run_service("job_runner", serve))
