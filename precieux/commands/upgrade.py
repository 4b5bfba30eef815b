"""`precieux migrate` and `precieux upgrade`: bring the database to this release."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from pydantic import SecretStr

from precieux import terminal
from precieux.commands.options import DataDir
from precieux.installation.schema import revision_of
from precieux.postgres.embedded import running_or_started
from precieux.up import system
from precieux.up.settings import UpSettings, load_up_settings, require_data_dir
from shared.database.connection import DatabaseSettings
from shared.database.roles import Role
from shared.database.schema import revisions
from shared.service.errors import ConfigurationError
from shared.service.logging import LogSettings, configure_logging
from shared.service.settings import load
from shared.version import VERSION


def migrate(data_dir: DataDir = None) -> None:
    """Upgrade the database's schema. `precieux up` does it at each start."""
    configure_logging("migrate", load(LogSettings))
    system.migrate(load_up_settings(data_dir=data_dir))


def upgrade(
    check: Annotated[bool, typer.Option("--check", help="Change nothing, and only say what would change.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Bring the data to this release. `precieux up` does it at each start."""
    configure_logging("upgrade", load(LogSettings))
    settings = load_up_settings(data_dir=data_dir)
    with _owners_address(settings) as url:
        current, known = revision_of(url), revisions()
        if current is not None and current not in known:
            _require_usable(url, current)
            newer = f"the data are of a newer release (schema {current})"
            terminal.say(f"Precieux {VERSION}: {newer}, and this release can use them.")
            return
        waiting = known[known.index(current) + 1 :] if current else known
        if not waiting:
            terminal.say(f"Precieux {VERSION}: the data are up to date (schema {current}).")
        elif check:
            terminal.say(f"Precieux {VERSION}: {len(waiting)} changes of the schema are to be made, to {waiting[-1]}.")
            terminal.say("Make a backup with `precieux backup FILE`, then start `precieux up`, or `precieux upgrade`.")
    if waiting and not check:
        system.migrate(settings)
        terminal.say(f"Precieux {VERSION}: the data are up to date (schema {known[-1]}).")


def _require_usable(url: str, newer: str) -> None:
    """Raise `ConfigurationError` if this release cannot use the newer schema."""
    from shared.database.migrate import upgrade_if_older  # Alembic is large, and most commands do not need it.

    try:
        upgrade_if_older(DatabaseSettings(database_url=SecretStr(url)))
    except ConfigurationError as exc:
        raise ConfigurationError(
            f"The data are of a newer release (schema {newer}) than this one, {VERSION}: install that release"
            " again, or restore a backup of an earlier one."
        ) from exc


@contextmanager
def _owners_address(settings: UpSettings) -> Iterator[str]:
    """Yield the address of the database for the owner of its tables. Nothing is migrated."""
    if settings.database_url:
        yield settings.database_url.get_secret_value()
        return
    require_data_dir(settings.data_dir)
    with running_or_started(settings.data_dir / "postgres", Role.OWNER) as url:
        yield url
