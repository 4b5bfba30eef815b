"""Reads the settings of all services, so that `up` names every wrong one before it starts anything."""

import os
from pkgutil import resolve_name
from typing import Final

from shared.common.service.errors import ConfigurationError
from shared.common.service.settings import PREFIX, load

#: By name, because the services are independent of the command line. Forks of `up` share the modules.
CLASSES: Final = (
    "precieux.up.settings:UpSettings",
    "api_service.settings:ApiSettings",
    "api_service.doors.piston.settings:PistonSettings",
    "api_service.doors.jobe.settings:JobeSettings",
    "api_service.doors.sandboxfusion.settings:SandboxFusionSettings",
    "api_service.agent_tools.settings:McpSettings",
    "job_runner.settings:RunnerSettings",
    "job_runner.emails.mailers.settings:MailSettings",
    "shared.adapters.engine.settings:EngineSettings",
    "shared.records.accounts.cell_rate:RunBudgetSettings",
    "shared.records.accounts.webhooks:WebhookSettings",
    "shared.adapters.database.connection:DatabaseSettings",
    "shared.adapters.broker.settings:BrokerSettings",
    "shared.adapters.storage.settings:StoreSettings",
    "shared.records.operations.health:HealthSettings",
    "shared.common.service.logging:LogSettings",
    "executor.settings:ExecutorSettings",
)
#: What `up` gives the services, unless the operator does.
_GIVEN: Final = {"database_url": "postgresql://localhost/precieux", "codex_url": "http://localhost"}


def check_all() -> None:
    """Raise `ConfigurationError` with a line for each wrong setting of any service."""
    given = {name: value for name, value in _GIVEN.items() if not os.environ.get(f"{PREFIX}{name.upper()}")}
    wrong: dict[str, None] = {}  # in order; several classes may read one setting
    for name in CLASSES:
        try:
            load(resolve_name(name), **given)
        except ConfigurationError as exc:
            wrong |= dict.fromkeys(str(exc).splitlines())
    if wrong:
        raise ConfigurationError("\n".join(wrong))
