"""The roles in the database: each may do only what its service needs, and making them may be repeated."""

import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from pydantic import SecretStr

from shared.adapters.database.connection import DatabaseSettings
from shared.adapters.database.make_roles import make_roles
from shared.adapters.database.roles import PRIVILEGES, Role
from tests.fixtures.postgres import migrate, url_of

SERVICES: Final = [role for role in Role if role is not Role.OWNER]
FORBIDDEN_TO_ALL: Final = [
    "COPY uploads TO PROGRAM 'true'",
    "COPY uploads FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "CREATE ROLE another LOGIN",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE EXTENSION file_fdw",
    "SET ROLE precieux",
    "ALTER SYSTEM SET fsync = off",
]
FORBIDDEN_TO_SERVICES: Final = [
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "DROP TABLE job",
    "TRUNCATE uploads",
    "ALTER TABLE uploads ADD COLUMN mine int",
    "UPDATE alembic_version SET version_num = '0001'",
    "UPDATE results SET output = 'better'",
    "SET ROLE precieux_owner",
]
#: What an attacker who controls that service would try.
FORBIDDEN: Final = {
    Role.API: [
        "INSERT INTO results (output) VALUES ('better')",
        "SELECT text FROM emails",
        "INSERT INTO emails (recipient) VALUES ('all@example.com')",
        "UPDATE emails SET recipient = 'me@example.com'",
        # It makes and revokes keys for the operator's page: none with the scope `admin`, and none valid again.
        "INSERT INTO api_keys (name, sha256, scopes) VALUES ('mine', 'x', '{admin}')",
        "INSERT INTO api_keys (name, sha256, scopes) VALUES ('mine', 'x', '{submit,admin}')",
        "UPDATE api_keys SET scopes = '{admin}'",
        "UPDATE api_keys SET sha256 = 'mine'",
        "SELECT webhook_secret FROM api_keys",
        "UPDATE api_keys SET webhook_secret = 'mine'",
        "DELETE FROM api_keys",
        "INSERT INTO sessions (sha256, created_at) VALUES ('mine', now() + interval '1 year')",
        "UPDATE sessions SET created_at = now()",
    ],
    Role.CONSUMER: [
        "SELECT * FROM api_keys",
        "SELECT * FROM results",
        "SELECT * FROM emails",
        "INSERT INTO uploads (email) VALUES ('me@example.com')",
        "DELETE FROM job",
        "INSERT INTO outbox (queue, body) VALUES ('emails', '1')",
        "SELECT * FROM suppressions",
    ],
    Role.RUNNER: [
        "SELECT sha256 FROM api_keys",
        "UPDATE api_keys SET scopes = '{admin}'",
        "INSERT INTO uploads (email) VALUES ('me@example.com')",
        "INSERT INTO job (job) VALUES ('{}')",
        "DELETE FROM suppressions",
        "INSERT INTO outbox (queue, body, failure) VALUES ('emails', '1', 'a')",
        "INSERT INTO problem_versions (problem, version) VALUES ('a', 1)",
    ],
    Role.OPERATOR: [
        "INSERT INTO uploads (email) VALUES ('me@example.com')",
        "DELETE FROM batches",
        "DELETE FROM api_keys",
        "INSERT INTO results (output) VALUES ('better')",
    ],
}


def cases() -> Iterator[tuple[Role, str]]:
    yield from ((role, sql) for role in Role for sql in FORBIDDEN_TO_ALL)
    yield from ((role, sql) for role in SERVICES for sql in [*FORBIDDEN_TO_SERVICES, *FORBIDDEN[role]])


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_not_do_what_its_service_does_not_need(database_url: str, role: Role) -> None:
    async with connected(url_of(role, database_url)) as connection:
        assert await connection.fetchval("SELECT current_user") == role
        allowed = []
        for _, sql in [case for case in cases() if case[0] is role]:
            try:
                await connection.execute(sql)
                allowed.append(sql)
            except asyncpg.InsufficientPrivilegeError:
                pass
    assert allowed == []


async def test_no_role_has_power_over_the_server(database_url: str) -> None:
    async with connected(database_url) as connection:
        rows = await connection.fetch(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS power,"
            " EXISTS (SELECT 1 FROM pg_auth_members WHERE member = pg_roles.oid) AS member"
            " FROM pg_roles WHERE rolname = ANY($1)",
            [*Role],
        )
    assert [(row["power"], row["member"]) for row in rows] == [(False, False)] * len(Role)


def test_every_table_is_used_by_a_role_of_a_service() -> None:
    assert set(PRIVILEGES) == set(SERVICES)
    tables = {table for granted in PRIVILEGES.values() for names in granted.values() for table in names.split(", ")}
    schema = (Path(__file__).parents[2] / "shared/adapters/database/schema.sql").read_text()
    assert tables == {*re.findall(r"CREATE TABLE (\w+)", schema), "alembic_version"}


async def test_the_api_makes_no_revoked_key_valid_again(database_url: str) -> None:
    async with connected(database_url) as owner, connected(url_of(Role.API, database_url)) as api:
        await owner.execute(
            "INSERT INTO api_keys (name, sha256, scopes, revoked_at)"
            " VALUES ('old', 'x', '{admin}', now()), ('new', 'y', '{admin}', NULL)"
        )
        await api.execute("UPDATE api_keys SET revoked_at = NULL WHERE name = 'old'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await api.execute("UPDATE api_keys SET revoked_at = NULL WHERE name = 'new'")
        await api.execute("UPDATE api_keys SET revoked_at = now() WHERE name = 'new'")
        assert await owner.fetchval("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == 0


@pytest.mark.parametrize("is_upgrade", [False, True])
async def test_the_api_revokes_a_key_before_its_end_and_cannot_put_the_end_off(
    database_url: str, is_upgrade: bool
) -> None:
    async with connected(database_url) as owner, connected(url_of(Role.API, database_url)) as api:
        if is_upgrade:
            await owner.execute(
                "DROP POLICY precieux_api_2 ON api_keys; CREATE POLICY precieux_api_1 ON api_keys AS RESTRICTIVE"
                f" FOR UPDATE TO {Role.API} USING (revoked_at IS NULL) WITH CHECK (revoked_at IS NOT NULL)"
            )
            migrate(database_url)
        await owner.execute(
            "INSERT INTO api_keys (name, sha256, scopes, revoked_at)"
            " VALUES ('class', 'x', '{submit}', now() + interval '1 day')"
        )
        for later in ("NULL", "now() + interval '2 days'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await api.execute(f"UPDATE api_keys SET revoked_at = {later}")
        await api.execute("UPDATE api_keys SET revoked_at = now()")
        assert await owner.fetchval("SELECT count(*) FROM api_keys WHERE revoked_at <= now()") == 1


async def test_a_migration_revokes_rights_that_are_not_listed(database_url: str) -> None:
    async with connected(database_url) as owner, connected(url_of(Role.CONSUMER, database_url)) as consumer:
        await owner.execute("GRANT SELECT ON api_keys TO precieux_consumer")
        assert await consumer.fetch("SELECT * FROM api_keys") == []
        migrate(database_url)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await consumer.fetch("SELECT * FROM api_keys")


async def test_a_migration_makes_no_policy_again(database_url: str) -> None:
    """Making a policy locks its table, so it waits for a backup, and all other reads wait too."""
    policies = "SELECT oid, polname FROM pg_policy WHERE NOT polpermissive ORDER BY polname"
    async with connected(database_url) as owner:
        first = await owner.fetch(policies)
        migrate(database_url)
        assert await owner.fetch(policies) == first
    assert len(first) == 2


@pytest.mark.parametrize(
    "is_superuser",
    [pytest.param(True, marks=pytest.mark.slow), False],
    ids=["superuser", "may create roles"],
)
async def test_a_database_of_one_role_is_handed_over(
    empty_database_url: str, template_database: str, is_superuser: bool
) -> None:
    """Releases before the roles used one. A managed Postgres gives no client its superuser."""
    assert template_database  # the roles exist already, with the tests' passwords
    name, secret = f"one_role_{secrets.token_hex(4)}", secrets.token_hex(8)
    database = urlsplit(empty_database_url).path.lstrip("/")
    credentials = f"{name}:{secret}@{urlsplit(empty_database_url).netloc.rpartition('@')[2]}"
    one_role = urlunsplit(urlsplit(empty_database_url)._replace(netloc=credentials))
    async with connected(empty_database_url) as administrator:
        await administrator.execute(
            f"CREATE ROLE {name} LOGIN CREATEROLE CREATEDB {'SUPERUSER' if is_superuser else ''} PASSWORD '{secret}';"
            f'ALTER DATABASE "{database}" OWNER TO {name}; ALTER SCHEMA public OWNER TO {name}'
        )
        if not is_superuser:
            # It could administer them if it had made them.
            await administrator.execute(f"GRANT {', '.join(Role)} TO {name} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        try:
            migrate(one_role)
            async with connected(one_role) as connection:
                await connection.execute("INSERT INTO uploads (email) VALUES ('kept@example.com')")
            for _ in range(2):
                settings = DatabaseSettings(database_url=SecretStr(one_role))
                await make_roles(settings, dict.fromkeys(Role, "a-password"))
                migrate(url_of(Role.OWNER, empty_database_url))
            async with connected(url_of(Role.API, empty_database_url)) as api:
                assert await api.fetchval("SELECT email FROM uploads") == "kept@example.com"
        finally:
            await administrator.execute(
                f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name} CASCADE; DROP ROLE {name}"
            )
