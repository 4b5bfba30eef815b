"""API keys: random 256-bit strings, shown once and kept as their SHA-256.

A random key needs no slow hash. It is looked up by its hash, so the time of the lookup reveals nothing about it.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from shared.adapters.database import channels
from shared.common.text.visible_text import is_visible
from shared.records.accounts.scopes import Scope as Scope

if TYPE_CHECKING:  # the command line makes keys without a database
    from shared.adapters.database.connection import Connection, Record

#: Begins every key, so that scanners for leaked secrets recognize it.
PREFIX: Final = "pcx_"
#: Characters of a key's name.
MAX_NAME: Final = 200
#: Stored in place of a digest. No key has this digest, so no key matches it.
_OF_SETTINGS: Final = "PRECIEUX_API_KEYS"

#: The time may lie ahead: a key that ends on a day is revoked from then on.
_VALID: Final = "(revoked_at IS NULL OR revoked_at > now())"
_CREATE: Final = """
    INSERT INTO api_keys (name, sha256, scopes, recipients, webhook_secret, run_seconds, revoked_at)
    VALUES (:name, :sha256, :scopes, :recipients, :webhook_secret, :run_seconds, :until) RETURNING id
"""
_FIND: Final = f"""
    SELECT id, name, scopes, created_at, revoked_at, recipients, run_seconds FROM api_keys
    WHERE sha256 = :sha256 AND {_VALID}
"""  # noqa: S608  (constants)
_REVOKED: Final = f"SELECT id FROM api_keys WHERE id = ANY(:ids) AND NOT {_VALID}"  # noqa: S608
_RUN_SECONDS: Final = "SELECT id, run_seconds FROM api_keys WHERE id = ANY(:ids) AND run_seconds IS NOT NULL"
_ANY_EVER: Final = "SELECT EXISTS (SELECT 1 FROM api_keys) AS found"
_REMEMBER_SETTINGS: Final = """
    INSERT INTO api_keys (name, sha256, revoked_at) VALUES (:name, :name, now()) ON CONFLICT (sha256) DO NOTHING
"""
_LIST: Final = """
    SELECT id, name, scopes, created_at, revoked_at, recipients, run_seconds FROM api_keys
    WHERE sha256 <> :settings ORDER BY id
"""
_REVOKE: Final = f"""
    UPDATE api_keys SET revoked_at = now() WHERE id = :id AND {_VALID}
    RETURNING id, pg_notify(:keys, CAST(id AS text))
"""  # noqa: S608
_ROTATE: Final = f"""
    UPDATE api_keys SET old_webhook_secret = webhook_secret, webhook_secret = :secret,
        old_webhook_secret_until = now() + make_interval(hours => :hours)
    WHERE id = :id AND {_VALID} RETURNING id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key. It may send mail only to the domains and addresses in `recipients`, or to all if that is None.

    Its programs may use `run_seconds` an hour: None for those of the settings, 0 for any. `revoked_at` may lie ahead.
    """

    id: int
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None
    recipients: tuple[str, ...] | None = None
    run_seconds: int | None = None

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None or self.revoked_at > datetime.now(UTC)


def is_name(text: str) -> bool:
    """Return True if a key may have this name: some visible characters, which stand in one line of a list."""
    return is_visible(text) and len(text) <= MAX_NAME


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


async def create(
    connection: "Connection",
    name: str,
    scopes: Collection[Scope],
    recipients: Collection[str] | None = None,
    webhook_secret: str | None = None,
    *,
    run_seconds: int | None = None,
    until: datetime | None = None,
) -> tuple[int, str]:
    """Make a key that works until a time. Return its id and the key itself, which is not stored."""
    key = new_key()
    created = await connection.fetch_value(
        _CREATE,
        {
            "name": name,
            "sha256": digest(key),
            "scopes": sorted(scopes),
            "recipients": list(recipients) if recipients is not None else None,
            "webhook_secret": webhook_secret,
            "run_seconds": run_seconds,
            "until": until,
        },
    )
    return int(created), key


async def find(connection: "Connection", sha256: str) -> ApiKey | None:
    """Return the key with this digest; None if it is unknown or revoked."""
    row = await connection.fetch_one(_FIND, {"sha256": sha256})
    return _from_row(row) if row else None


async def run_seconds_of(connection: "Connection", key_ids: Collection[int]) -> dict[int, int]:
    """Return the seconds of run time an hour of those keys that have a budget of their own; 0 for any."""
    rows = await connection.fetch_all(_RUN_SECONDS, {"ids": list(key_ids)})
    return {row["id"]: row["run_seconds"] for row in rows}


async def revoked(connection: "Connection", key_ids: Collection[int]) -> list[int]:
    """Return those of the keys that are revoked."""
    rows = await connection.fetch_all(_REVOKED, {"ids": list(key_ids)})
    return [row["id"] for row in rows]


async def any_ever(connection: "Connection") -> bool:
    """Return True if there has ever been a key, including revoked keys and those of the settings."""
    return bool(await connection.fetch_value(_ANY_EVER))


async def remember_settings(connection: "Connection") -> None:
    """Record permanently that the settings have held keys."""
    await connection.execute(_REMEMBER_SETTINGS, {"name": _OF_SETTINGS})


async def listed(connection: "Connection") -> list[ApiKey]:
    rows = await connection.fetch_all(_LIST, {"settings": _OF_SETTINGS})
    return [_from_row(row) for row in rows]


async def revoke(connection: "Connection", key_id: int) -> bool:
    """Revoke a key, and end its event streams. Return False if there is none, or it was revoked before."""
    row = await connection.fetch_one(_REVOKE, {"id": key_id, "keys": channels.KEYS})
    return row is not None


async def rotate_webhook_secret(connection: "Connection", key_id: int, secret: str, *, hours: int) -> bool:
    """Give a key a new secret; the one before signs along for `hours`. Return False if there is no valid key."""
    row = await connection.fetch_one(_ROTATE, {"id": key_id, "secret": secret, "hours": hours})
    return row is not None


def _from_row(row: "Record") -> ApiKey:
    scopes, recipients = frozenset(map(Scope, row["scopes"])), row["recipients"]
    return ApiKey(**{**row, "scopes": scopes, "recipients": None if recipients is None else tuple(recipients)})
