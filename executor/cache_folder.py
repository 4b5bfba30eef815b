"""Finds the folder in which the executor keeps what it compiles or installs itself."""

import os
from pathlib import Path

from shared.common.service.logging import get_logger

log = get_logger(__name__)


def find_folder(configured: Path | None, name: str) -> Path | None:
    """Return the folder `name` in the given cache folder, or else in the system's or the user's. Make it if it is
    missing. None if it cannot be used.

    Compilers trust the files in it, so only we and root may be able to write there.
    """
    try:
        folder = (configured or _default()) / name
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)  # another executor may make it at the same time
            folder.chmod(0o755)
        status = folder.stat()
    except (OSError, RuntimeError) as exc:
        log.info("cache.no_folder", folder=name, reason=str(exc))
        return None
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
        log.warning("cache.folder_not_trusted", folder=str(folder), owner=status.st_uid, mode=oct(status.st_mode))
        return None
    return folder


def _default() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache/precieux")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "precieux"
