"""`precieux migrate` and `precieux upgrade`: bring the database to this release."""

from typing import Annotated

import typer

from precieux import terminal
from precieux.commands.options import DataDir
from precieux.installation.operator_database import address
from precieux.installation.schema import revision_of, upgrade_schema
from precieux.up.settings import load_up_settings, prepare_data_dir
from shared.adapters.database.roles import Role
from shared.adapters.database.schema import is_newer, revisions
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import load
from shared.common.version import VERSION


def migrate(data_dir: DataDir = None) -> None:
    """Upgrade the database's schema, or make the database. `precieux up` does it at each start."""
    configure_logging("migrate", load(LogSettings))
    settings = load_up_settings(data_dir=data_dir)
    if not settings.database_url:
        prepare_data_dir(settings.data_dir)
    with address(settings, Role.OWNER) as url:
        upgrade_schema(url)


def upgrade(
    check: Annotated[bool, typer.Option("--check", help="Change nothing, and only say what would change.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Bring the data to this release. `precieux up` does it at each start."""
    configure_logging("upgrade", load(LogSettings))
    with address(load_up_settings(data_dir=data_dir), Role.OWNER) as url:
        current, every = revision_of(url), revisions()
        newer = is_newer(current)
        waiting = every[every.index(current) + 1 :] if current in every else every
        if check and waiting and not newer:
            terminal.say(f"Precieux {VERSION}: {len(waiting)} changes of the schema are to be made, to {waiting[-1]}.")
            terminal.say("Make a backup with `precieux backup FILE`, then start `precieux up`, or `precieux upgrade`.")
            return
        try:
            if waiting:
                upgrade_schema(url)
        except ConfigurationError as exc:
            raise ConfigurationError(
                f"The data are of a newer release (schema {current}) than this one, {VERSION}: install that release"
                " again, or restore a backup of an earlier one."
            ) from exc
    usable = f"of a newer release (schema {current}), and this release can use them"
    terminal.say(f"Precieux {VERSION}: the data are {usable if newer else f'up to date (schema {every[-1]})'}.")
