"""The signing key of an installation without `PRECIEUX_SECRET_KEY`: made once, and kept in the data folder."""

import secrets
from pathlib import Path

from shared.common.files.atomic_write import create_file
from shared.common.service.errors import ConfigurationError

_FILE = "secret-key"
_OLD_FILE = "old-secret-keys"
_MIN_LENGTH = 32


def kept_secret(data_dir: Path) -> bytes:
    """Return the key in `data_dir`; make it if there is none. Concurrent processes get the same one."""
    path = data_dir / _FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            create_file(path, secrets.token_hex(32).encode())
        secret = path.read_bytes()
    except OSError as exc:
        raise ConfigurationError(
            f"The key that signs links cannot be kept in {path} ({exc.strerror}): make PRECIEUX_DATA_DIR writable, or "
            "set PRECIEUX_SECRET_KEY."
        ) from exc
    # A copy on a full disk may be empty, and with such a key anyone can sign.
    if len(secret) < _MIN_LENGTH:
        raise ConfigurationError(
            f"{path} must hold at least {_MIN_LENGTH} characters: restore the file from a backup, or remove it for a"
            " new key, with which links of earlier mails no longer work."
        )
    return secret


def old_secrets(data_dir: Path) -> list[bytes]:
    """Return the earlier keys, one per line. Their signatures are still valid."""
    path = data_dir / _OLD_FILE
    try:
        lines = path.read_bytes().split()
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise ConfigurationError(
            f"The old keys in {path} cannot be read ({exc.strerror}): make the file readable."
        ) from exc
    if any(len(line) < _MIN_LENGTH for line in lines):
        raise ConfigurationError(f"{path} must hold one old key per line, each of at least {_MIN_LENGTH} characters.")
    return lines
