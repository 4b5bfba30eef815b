"""Makes the database's roles and hands the database over to its owner (`python -m shared.database.make_roles`).

The administrator of a server runs it once, and after each change of a password. `precieux up` does not need it.
"""

import asyncio
import sys
from typing import Final

from pydantic import Field, SecretStr

from shared.database.connection import Database, DatabaseSettings
from shared.database.roles import HAND_OVER, Role, making
from shared.service.errors import ConfigurationError
from shared.service.logging import LogSettings, configure_logging, get_logger
from shared.service.settings import Settings, fail, load

log = get_logger(__name__)

_TAKE_LOCK: Final = f"SELECT pg_advisory_xact_lock({0x726F6C65})"


class RoleSettings(Settings):
    role_owner_password: SecretStr = Field(description=f"password of {Role.OWNER}, which migrates")
    role_api_password: SecretStr = Field(description=f"password of {Role.API}")
    role_consumer_password: SecretStr = Field(description=f"password of {Role.CONSUMER}")
    role_runner_password: SecretStr = Field(description=f"password of {Role.RUNNER}")
    role_operator_password: SecretStr = Field(description=f"password of {Role.OPERATOR}")

    def passwords(self) -> dict[Role, str]:
        return {role: getattr(self, f"role_{role.name.lower()}_password").get_secret_value() for role in Role}


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
