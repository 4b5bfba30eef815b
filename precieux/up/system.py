"""`precieux up`: runs the whole system on one machine.

From its environment it makes the settings, a database and five processes:

    executor ──────────────────────────────┐
    Postgres ── migrate ── queue_consumer, job_runner, api_service ── ready
"""

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from precieux.postgres.embedded import EmbeddedPostgres
from precieux.up import local_key, services
from precieux.up.settings import UpSettings, check_port_is_free, choose_executor_port, prepare_data_dir
from precieux.up.shared_modules import load_shared
from shared.adapters.database.roles import Role
from shared.common.service.logging import get_logger
from shared.common.service.notify import notify_ready, notify_status, notify_stopping
from shared.common.service.settings import unknown
from shared.common.supervision.supervisor import StopRequested, Supervisor
from shared.common.supervision.waiting import WAITING

log = get_logger(__name__)

_DATABASE: Final = "postgres"


@dataclass(frozen=True, slots=True)
class System:
    """The running system, as shown to the operator."""

    url: str
    has_pages: bool
    data_dir: Path
    mail_goes_to: str
    #: The address of the database for the operator's commands.
    database_url: SecretStr
    #: None if the operator has set a database.
    database_folder: Path | None


def run(settings: UpSettings, on_ready: Callable[[System], None]) -> None:
    """Start everything, call `on_ready`, and keep it running until a stop signal. Stop everything at the end.

    Raise a `PrecieuxError` of one sentence if something cannot start.
    """
    prepare_data_dir(settings.data_dir)
    check_port_is_free(settings.host, settings.port)
    # `up` has warned about variables that nothing reads, so the services need not.
    outer = {name: value for name, value in os.environ.items() if name not in unknown(os.environ)}
    with ExitStack() as stack:
        supervisor = Supervisor()
        postgres = None
        if not settings.database_url:
            postgres = EmbeddedPostgres(settings.data_dir / _DATABASE, while_waiting=supervisor.raise_if_stopped)
            # Before the supervisor's end, so stopped last. Until then the supervisor restarts it.
            stack.callback(postgres.stop)
        stack.enter_context(supervisor)
        try:
            _bring_up(supervisor, settings, outer, postgres, stack)
            system = System(
                url=settings.public_url or services.local_url(settings),
                has_pages=settings.web,
                data_dir=settings.data_dir,
                mail_goes_to=_mail_destination(outer, settings.data_dir),
                database_url=settings.database_url or SecretStr(postgres.url(Role.OPERATOR) if postgres else ""),
                database_folder=postgres.folder if postgres else None,
            )
            on_ready(system)
            notify_ready(f"{system.url}; mails go to {system.mail_goes_to}")
            supervisor.run_forever()
        except StopRequested:
            notify_stopping()
            log.info("up.stopping")


def _bring_up(
    supervisor: Supervisor,
    settings: UpSettings,
    outer: dict[str, str],
    postgres: EmbeddedPostgres | None,
    stack: ExitStack,
) -> None:
    """Start everything in order. Push what must be undone at the end onto `stack`."""
    token = settings.codex_token.get_secret_value() if settings.codex_token else ""
    codex_url = settings.codex_url
    if codex_url is None:
        token = token or secrets.token_urlsafe(32)
        port = choose_executor_port(settings)
        codex_url = f"http://127.0.0.1:{port}"
        # The executor needs no database, so its start and self-test overlap with Postgres and the migrations.
        supervisor.start([services.executor(outer, port=port, codex_token=token)])
    load_shared()  # here, because the executor starts meanwhile
    if postgres:
        notify_status(f"{WAITING}the database")
        postgres.start()
        supervisor.guard(_DATABASE, postgres)
    # In the operator's own database, the role of its address does everything.
    given_url = settings.database_url.get_secret_value() if settings.database_url else ""
    database_url = postgres.url if postgres else lambda _: given_url
    # Only now: if another `up` used this folder, our Postgres would not have started, and that key must stay.
    outer[services.LOCAL_KEY] = local_key.make(settings.data_dir, settings.port)
    stack.callback(local_key.remove, settings.data_dir)
    environment = services.service_environment(outer, settings, codex_url=codex_url, codex_token=token)
    supervisor.run_to_end(services.migration(environment, database_url(Role.OWNER)))
    supervisor.wait_ready()
    supervisor.start(services.services(environment, database_url))
    supervisor.wait_ready()


def _mail_destination(outer: dict[str, str], data_dir: Path) -> str:
    """Return where mails go, in the order in which the runner chooses its mailer."""
    if domain := outer.get("PRECIEUX_MAILGUN_DOMAIN"):
        return f"Mailgun, domain {domain}"
    if outer.get("PRECIEUX_SMTP_URL"):
        return "your SMTP server"
    return f"files in {data_dir / 'outbox'}"
