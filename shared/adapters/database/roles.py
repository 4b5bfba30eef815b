"""The roles of the database and their rights: each service, the operator, and the owner of the schema.

There are two steps, and both may be repeated:

- An administrator of the server makes the roles, and hands the database over to its owner: `making` and `HAND_OVER`.
- The owner gives each role what `PRIVILEGES` lists, in the transaction of the migration: `grant`.

A database with one role for everything works too: `grant` skips roles that do not exist.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import Connection  # only migrations need it, and all services read the roles' names

DATABASE: Final = "precieux"


class Role(StrEnum):
    #: Owns the schema and migrates it.
    OWNER = "precieux_owner"
    API = "precieux_api"
    CONSUMER = "precieux_consumer"
    RUNNER = "precieux_runner"
    #: The operator's commands, such as `precieux keys` and `precieux jobs`.
    OPERATOR = "precieux_operator"


_ALL: Final = "SELECT, INSERT, UPDATE, DELETE"

#: By role: what it may do with which tables, as GRANT writes both. Postgres refuses everything else, also for a new
#: table. `SELECT ... FOR UPDATE` needs the right to update. Columns are named only where one of them is a secret, or
#: would give an attacker more than the service: the API orders mails, and the runner alone writes their texts.
PRIVILEGES: Final[Mapping[Role, Mapping[str, str]]] = {
    Role.API: {
        _ALL: "uploads, job, batches, outbox, messages, idempotency_keys, suppressions, series, problem_versions,"
        " jobe_files",
        "SELECT, INSERT, UPDATE": "budgets, deleted_uploads, problems, problem_objects, problem_checks",
        "SELECT, INSERT, DELETE": "webhooks",
        # The time is the database's, so no session can be made that lasts longer.
        "SELECT, INSERT (sha256, key_sha256), DELETE": "sessions",
        "SELECT, INSERT": "judge0_submissions, mailgun_events, problem_references",
        "SELECT, DELETE": "results, test_results",
        "SELECT": "languages, alembic_version",
        "SELECT (id, job, kind, recipient, message_id, status, attempt, last_error, created_at, updated_at, sent_at,"
        " crashes, run_after, upload, batch, locale), INSERT (job, kind, upload, batch, locale),"
        " UPDATE (status, last_error, updated_at, attempt, crashes, run_after), DELETE": "emails",
        # It makes and revokes keys for the operator's page, as far as `_POLICIES` let it.
        "SELECT (id, name, sha256, scopes, recipients, created_at, revoked_at, signs_webhooks, run_seconds),"
        " INSERT,"
        " UPDATE (revoked_at)": "api_keys",
    },
    Role.CONSUMER: {
        _ALL: "messages",
        "SELECT, UPDATE, DELETE": "outbox",
        "SELECT, UPDATE": "uploads",
        "SELECT, INSERT": "job",
        "SELECT": "alembic_version",
    },
    Role.RUNNER: {
        _ALL: "test_results, webhooks, emails, languages, budgets",
        # It requests the runs of a check's submissions, phase by phase.
        "SELECT, INSERT (queue, body, headers), UPDATE, DELETE": "outbox",
        "SELECT, INSERT, DELETE": "results",
        "SELECT, INSERT, UPDATE": "deleted_uploads",
        "SELECT, UPDATE, DELETE": "uploads, job, batches, mailgun_events, messages, problem_versions,"
        " problem_objects, problem_checks, jobe_files",
        "SELECT, UPDATE": "idempotency_keys",
        "SELECT": "judge0_submissions, suppressions, alembic_version, problems, problem_references",
        "SELECT (id, scopes, webhook_secret, old_webhook_secret, old_webhook_secret_until, run_seconds)": "api_keys",
    },
    Role.OPERATOR: {
        _ALL: "outbox, suppressions, emails",
        "SELECT, INSERT, UPDATE": "api_keys, deleted_uploads",
        # It deletes what is stored about a person.
        "SELECT, UPDATE, DELETE": "messages, uploads, job, webhooks",
        "SELECT, DELETE": "results, test_results",
        "SELECT, UPDATE": "idempotency_keys, problem_checks",
        "SELECT, UPDATE (digest_to)": "batches",
        "SELECT": "languages, alembic_version",
    },
}

#: What the API may not write in `api_keys`: a key with the scope `admin`, and a revoked key that is valid again. Each
#: policy has a command and a rule. One that changes needs a new name, because an existing one is not made again.
_POLICIES: Final = {
    "precieux_api_0": ("INSERT", "WITH CHECK (NOT 'admin' = ANY (scopes))"),
    "precieux_api_2": ("UPDATE", "USING (revoked_at IS NULL OR revoked_at > now()) WITH CHECK (revoked_at <= now())"),
}
#: Policies of earlier releases, which would forbid more.
_OLD_POLICIES: Final = ("precieux_api_1",)

#: Hands a database of one role over to its owner. It changes nothing if that was done before.
HAND_OVER: Final = f"""
    DO $$ DECLARE one regclass;
    BEGIN
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            EXECUTE format('GRANT {Role.OWNER} TO %I', current_user);
        END IF;
        EXECUTE format('ALTER DATABASE %I OWNER TO {Role.OWNER}', current_database());
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO {", ".join(Role)}', current_database());
        ALTER SCHEMA public OWNER TO {Role.OWNER};
        FOR one IN SELECT oid FROM pg_class WHERE relnamespace = CAST('public' AS regnamespace)
            AND relkind IN ('r', 'p', 'v', 'm') AND relowner <> CAST('{Role.OWNER}' AS regrole)
        LOOP
            EXECUTE format('ALTER TABLE %s OWNER TO {Role.OWNER}', one);
        END LOOP;
    END $$
"""  # noqa: S608


def making(passwords: Mapping[Role, str]) -> Iterator[str]:
    """Yield the statements that make these roles with these passwords. Existing roles get a new password."""
    for role, password in passwords.items():
        literal = password.replace("'", "''")
        yield f"DO $$ BEGIN IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role} LOGIN; END IF; END $$"
        yield f"ALTER ROLE {role} PASSWORD '{literal}'"


def grant(connection: "Connection") -> None:
    """Give the existing roles exactly what `PRIVILEGES` lists, within `_POLICIES`. The owner of the tables runs it."""

    def ask(sql: str) -> Any:
        return connection.exec_driver_sql(sql).scalar()

    roles = [role for role in PRIVILEGES if ask(f"SELECT to_regrole('{role}')")]
    for role in roles:
        for kind in ("TABLES", "SEQUENCES"):
            connection.exec_driver_sql(f"REVOKE ALL ON ALL {kind} IN SCHEMA public FROM {role}")
        for privileges, tables in PRIVILEGES[role].items():
            connection.exec_driver_sql(f"GRANT {privileges} ON TABLE {tables} TO {role}")
    if Role.API in roles:
        # It takes the next id of a submission.
        connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {Role.API}")
        # Making or removing a policy locks its table even against reading, for example by a backup.
        made = ask("SELECT array_agg(CAST(policyname AS text)) FROM pg_policies") or ()
        for name in {*made} & {*_OLD_POLICIES}:
            connection.exec_driver_sql(f"DROP POLICY {name} ON api_keys")
        for name, (command, rule) in _POLICIES.items():
            if name not in made:
                connection.exec_driver_sql(
                    f"CREATE POLICY {name} ON api_keys AS RESTRICTIVE FOR {command} TO {Role.API} {rule}"
                )
