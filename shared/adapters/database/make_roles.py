"""Makes the roles and hands the database over to its owner (`python -m shared.adapters.database.make_roles`).

The administrator of a server runs it once, and after each change of a password. `precieux up` does not need it.
"""

import asyncio
import sys
from typing import Final

from pydantic import Field, Json, SecretStr, field_validator

from shared.adapters.database.connection import Database, DatabaseSettings
from shared.adapters.database.roles import HAND_OVER, Role, making
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging, get_logger
from shared.common.service.settings import Settings, fail, load

log = get_logger(__name__)

_TAKE_LOCK: Final = f"SELECT pg_advisory_xact_lock({0x726F6C65})"


class RoleSettings(Settings):
    role_passwords: Json[dict[Role, SecretStr]] = Field(
        description=f'JSON with the password of each role, as {{"{Role.OWNER}": "...", ...}}'
    )

    @field_validator("role_passwords")
    @classmethod
    def _are_of_all_roles(cls, value: dict[Role, SecretStr]) -> dict[Role, SecretStr]:
        missing = [role for role in Role if role not in value or not value[role].get_secret_value()]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        return value

    def passwords(self) -> dict[Role, str]:
        return {role: password.get_secret_value() for role, password in self.role_passwords.items()}


async def make_roles(settings: DatabaseSettings, passwords: dict[Role, str]) -> None:
    """Make all roles or none. The role of the settings needs to be a superuser, or to have CREATEROLE and CREATEDB."""
    database = Database(settings)
    await database.connect()
    try:
        async with database.transaction() as connection:
            for statement in (_TAKE_LOCK, *making(passwords), HAND_OVER):
                await connection.execute(statement)
    finally:
        await database.disconnect()


def main() -> int:
    try:
        configure_logging("make_roles", load(LogSettings))
        settings, passwords = load(DatabaseSettings), load(RoleSettings).passwords()
    except ConfigurationError as exc:
        return fail(exc)
    asyncio.run(make_roles(settings, passwords))
    log.info("roles.made")
    return 0


if __name__ == "__main__":
    sys.exit(main())
