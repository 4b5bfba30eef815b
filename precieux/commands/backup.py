"""`precieux backup` and `precieux restore`, for an installation that keeps its data in a folder."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from precieux import terminal
from precieux.commands.options import DataDir
from precieux.installation import backup as backups
from precieux.up.settings import UpSettings, load_up_settings
from shared.adapters.storage.settings import StoreSettings
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import load

_MANUAL: Final = "docs/operations.md has the commands for that"


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, such as precieux.tar.gz.")],
    data_dir: DataDir = None,
) -> None:
    """Write the data folder with its database to a file, while Precieux runs or not."""
    settings = _settings_of_a_folder(data_dir)
    manifest = backups.back_up(settings, file)
    size = file.stat().st_size / (1 << 20)
    terminal.say(f"Wrote {file}: {size:.1f} MiB, schema {manifest.schema}. It holds secrets and addresses.")
    if os.environ.get("PRECIEUX_SECRET_KEY"):
        terminal.say("PRECIEUX_SECRET_KEY is not in it: keep it beside the backup.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A backup.")],
    data_dir: DataDir = None,
) -> None:
    """Restore the data folder from a backup of this release or an earlier one."""
    settings = _settings_of_a_folder(data_dir)
    manifest = backups.restore(file, settings.data_dir)
    terminal.say(f"Restored {settings.data_dir} as of {manifest.created_at}. Start it with `precieux up`.")


def _settings_of_a_folder(data_dir: Path | None) -> UpSettings:
    """Return the settings. Raise `ConfigurationError` if some data are not in the data folder."""
    configure_logging("backup", load(LogSettings))
    settings = load_up_settings(data_dir=data_dir)
    if settings.database_url:
        raise ConfigurationError(f"The database is your own (PRECIEUX_DATABASE_URL), so back it up itself: {_MANUAL}.")
    if load(StoreSettings).s3_bucket:
        raise ConfigurationError(f"Files are in S3 (PRECIEUX_S3_BUCKET), so back them up there: {_MANUAL}.")
    return settings
