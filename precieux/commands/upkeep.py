"""`precieux backup`, `precieux restore` and `precieux upgrade`, for an installation that keeps its data in a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import SecretStr

from precieux import backup as backups
from precieux import terminal
from precieux.commands.options import DataDir
from precieux.postgres.embedded import running_or_started
from precieux.schema import revision_of
from precieux.up import system
from precieux.up.settings import UpSettings, load_up_settings, require_data_dir
from shared.database.connection import DatabaseSettings
from shared.database.roles import Role
from shared.database.schema import revisions
from shared.service.errors import ConfigurationError
from shared.service.logging import LogSettings, configure_logging
from shared.service.settings import load
from shared.storage.settings import StoreSettings
from shared.version import VERSION

_MANUAL: Final = "docs/operations.md has the commands for that"


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, such as precieux.tar.gz.")],
    data_dir: DataDir = None,
) -> None:
    """Write the data folder with its database to a file, while Precieux runs or not."""
    settings = _settings_of_a_folder(data_dir)
    manifest = backups.back_up(settings.data_dir, file)
    size = file.stat().st_size / (1 << 20)
    terminal.say(f"Wrote {file}: {size:.1f} MiB, schema {manifest.schema}. It holds secrets and addresses.")
    if os.environ.get("PRECIEUX_SECRET_KEY"):
        terminal.say("PRECIEUX_SECRET_KEY is not in it: keep it beside the backup.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A backup.")],
    data_dir: DataDir = None,
) -> None:
    """Make the data folder from a backup of this release or an earlier one."""
    settings = _settings_of_a_folder(data_dir)
    manifest = backups.restore(file, settings.data_dir)
    terminal.say(f"Restored {settings.data_dir} as of {manifest.created_at}. Start it with `precieux up`.")


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


def _settings_of_a_folder(data_dir: Path | None) -> UpSettings:
    """Return the settings. Raise `ConfigurationError` if some data are not in the data folder."""
    configure_logging("backup", load(LogSettings))
    settings = load_up_settings(data_dir=data_dir)
    if settings.database_url:
        raise ConfigurationError(f"The database is your own (PRECIEUX_DATABASE_URL), so back it up itself: {_MANUAL}.")
    if load(StoreSettings).s3_bucket:
        raise ConfigurationError(f"Files are in S3 (PRECIEUX_S3_BUCKET), so back them up there: {_MANUAL}.")
    return settings
