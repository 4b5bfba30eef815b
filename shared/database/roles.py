"""The roles of the database and their rights: one for each service, one for the operator, one that owns the schema.

There are two steps, and both may be repeated:

- An administrator of the server makes the roles, and hands the database over to its owner: `making` and `HAND_OVER`.
- The owner gives each role what `PRIVILEGES` lists, in the transaction of the migration: `grant`.

A database with one role for everything works too: `grant` skips roles that do not exist.
"""

from collections.abc import Iterator, Mapping, Sequence
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


#: By table: what each role may do, as GRANT names it. `SELECT ... FOR UPDATE` needs the right to update some column.
#: INSERT includes the right to use the sequence of ids. Postgres refuses everything else, also for a new table.
PRIVILEGES: Final[Mapping[str, Mapping[Role, Sequence[str]]]] = {
    "uploads": {
        Role.API: [
            "SELECT",
            "INSERT",
            "UPDATE (request_id, requested_at, runs, override, outcome, verdict)",
            "DELETE",
        ],
        Role.CONSUMER: [
            "SELECT",
            "UPDATE (request_id, requested_at, stopped_consumers, runs, outcome, verdict, override)",
        ],
        Role.RUNNER: ["SELECT", "UPDATE (enable, request_id, outcome, verdict)", "DELETE"],
        Role.OPERATOR: ["SELECT", "UPDATE (request_id, requested_at, runs, override, outcome, verdict)"],
    },
    "job": {
        # It cancels jobs, also those that the consumer has not made yet, and deletes ended ones.
        Role.API: [
            "SELECT",
            "INSERT (upload, request_id, status, owner, number, requested_at, finished_at)",
            "UPDATE (status, lease_id, lease_expires_at, finished_at)",
            "DELETE",
        ],
        Role.CONSUMER: ["SELECT", "INSERT"],
        Role.RUNNER: ["SELECT", "UPDATE", "DELETE"],
        Role.OPERATOR: ["SELECT", "UPDATE (status, stop_reason, run_after, lease_id, lease_expires_at)"],
    },
    "results": {
        Role.API: ["SELECT", "DELETE"],
        Role.RUNNER: ["SELECT", "INSERT", "DELETE"],
        Role.OPERATOR: ["SELECT"],
    },
    "test_results": {
        Role.API: ["SELECT", "DELETE"],
        Role.RUNNER: ["SELECT", "INSERT", "UPDATE", "DELETE"],
        Role.OPERATOR: ["SELECT"],
    },
    "batches": {
        Role.API: ["SELECT", "INSERT"],
        Role.RUNNER: ["SELECT", "UPDATE (finished_at)", "DELETE"],
        Role.OPERATOR: ["SELECT"],
    },
    "judge0_submissions": {
        Role.API: ["SELECT", "INSERT"],
        # The runner renders callbacks.
        Role.RUNNER: ["SELECT"],
    },
    "webhooks": {
        Role.API: ["SELECT", "INSERT", "DELETE"],
        Role.RUNNER: ["SELECT", "INSERT", "UPDATE", "DELETE"],
        Role.OPERATOR: ["SELECT", "UPDATE (status, attempt, run_after, lease_id, lease_expires_at)"],
    },
    "idempotency_keys": {
        Role.API: ["SELECT", "INSERT", "UPDATE", "DELETE"],
        # The cleaner takes away the answers about what it removes.
        Role.RUNNER: ["SELECT (path, made)", "UPDATE (made, body)"],
    },
    "deleted_uploads": {
        Role.API: ["SELECT", "INSERT", "UPDATE (objects)"],
        Role.RUNNER: ["SELECT", "INSERT", "UPDATE (objects)"],
    },
    "mailgun_events": {
        Role.API: ["SELECT", "INSERT"],
        Role.RUNNER: ["SELECT", "UPDATE (created_at)", "DELETE"],
    },
    "emails": {
        # It orders mails, whose recipient and text the runner fills in, and stores what Mailgun reports.
        Role.API: [
            "SELECT (id, job, kind, recipient, message_id, status, attempt, last_error, created_at, updated_at)",
            "SELECT (sent_at, upload, batch, locale)",
            "INSERT (job, kind, upload, batch, locale)",
            # The operator's page queues a mail again.
            "UPDATE (status, last_error, updated_at, attempt, crashes, run_after)",
            "DELETE",
        ],
        Role.RUNNER: ["SELECT", "INSERT", "UPDATE", "DELETE"],
        # The operator orders and queues mails in the same way, and stores the reports of mail servers.
        Role.OPERATOR: [
            "SELECT",
            "INSERT (job, kind, upload, locale)",
            "UPDATE (status, last_error, updated_at, attempt, crashes, run_after)",
        ],
    },
    "api_keys": {
        # The operator's page makes and revokes keys. `RESTRICTIONS` has what it may not do.
        Role.API: [
            "SELECT (id, name, sha256, scopes, recipients, created_at, revoked_at, signs_webhooks)",
            "INSERT (name, sha256, scopes, recipients, webhook_secret, revoked_at)",
            "UPDATE (revoked_at)",
        ],
        # It signs webhooks.
        Role.RUNNER: ["SELECT (id, webhook_secret, old_webhook_secret, old_webhook_secret_until)"],
        Role.OPERATOR: [
            "SELECT",
            "INSERT",
            "UPDATE (revoked_at, webhook_secret, old_webhook_secret, old_webhook_secret_until)",
        ],
    },
    "suppressions": {
        Role.API: ["SELECT", "INSERT", "UPDATE (canonical)", "DELETE"],
        Role.RUNNER: ["SELECT"],
        # The operator's commands lock the rows that they delete.
        Role.OPERATOR: ["SELECT", "INSERT", "UPDATE (canonical)", "DELETE"],
    },
    "quarantine": {
        Role.API: ["SELECT"],
        Role.RUNNER: ["SELECT", "INSERT"],
        Role.OPERATOR: ["SELECT", "UPDATE (created_at)", "DELETE"],
    },
    "languages": {
        Role.API: ["SELECT"],
        Role.RUNNER: ["SELECT", "INSERT", "UPDATE", "DELETE"],
        Role.OPERATOR: ["SELECT"],
    },
    "budgets": {
        Role.API: ["SELECT", "INSERT", "UPDATE (used_until)"],
        Role.RUNNER: ["SELECT", "INSERT", "UPDATE (used_until)", "DELETE"],
    },
    "outbox": {
        # The operator's page replays and drops dead letters.
        Role.API: ["SELECT", "INSERT", "UPDATE (attempt, run_after, failure, failed_at)", "DELETE"],
        Role.CONSUMER: ["SELECT", "UPDATE (attempt, run_after, failure, failed_at)", "DELETE"],
        # The cleaner removes old dead letters, which it locks first.
        Role.RUNNER: ["SELECT", "UPDATE (failed_at)", "DELETE"],
        Role.OPERATOR: ["SELECT", "INSERT", "UPDATE (attempt, run_after, failure, failed_at)", "DELETE"],
    },
    # Only the previous release uses it.
    "messages": {
        Role.API: ["SELECT", "INSERT", "UPDATE (queue, attempt, visible_at, headers)", "DELETE"],
        Role.CONSUMER: ["SELECT", "INSERT", "UPDATE", "DELETE"],
        Role.RUNNER: ["SELECT", "UPDATE (visible_at)", "DELETE"],
        Role.OPERATOR: ["SELECT", "UPDATE", "DELETE"],
    },
    "series": {Role.API: ["SELECT", "INSERT (minute)", "UPDATE (figures)", "DELETE"]},
    # The time is the database's, so no session can be made that lasts longer.
    "sessions": {Role.API: ["SELECT", "INSERT (sha256, key_sha256)", "DELETE"]},
    # Every program checks the version of the schema.
    "alembic_version": {role: ["SELECT"] for role in Role if role is not Role.OWNER},
}

#: By table: what a role may not write in columns that `PRIVILEGES` lets it write. Each is the rest of a CREATE POLICY.
RESTRICTIONS: Final[Mapping[str, Mapping[Role, Sequence[str]]]] = {
    "api_keys": {
        Role.API: [
            "FOR INSERT TO {role} WITH CHECK (NOT 'admin' = ANY (scopes))",
            # A key that was revoked stays so.
            "FOR UPDATE TO {role} USING (revoked_at IS NULL) WITH CHECK (revoked_at IS NOT NULL)",
        ]
    }
}

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


_RULE_OF_POLICY: Final = """
    SELECT obj_description(oid, 'pg_policy') FROM pg_policy
    WHERE polname = '{name}' AND polrelid = CAST('{table}' AS regclass)
"""
#: The sequence of the ids of a table; NULL for a table without ids.
_SEQUENCE: Final = """
    SELECT pg_get_serial_sequence('{table}', attname) FROM pg_attribute
    WHERE attrelid = CAST('{table}' AS regclass) AND attname = 'id'
"""


def making(passwords: Mapping[Role, str]) -> Iterator[str]:
    """Yield the statements that make these roles with these passwords. Existing roles get a new password."""
    for role, password in passwords.items():
        literal = password.replace("'", "''")
        yield f"DO $$ BEGIN IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role} LOGIN; END IF; END $$"
        yield f"ALTER ROLE {role} PASSWORD '{literal}'"


def grant(connection: "Connection") -> None:
    """Give the existing roles exactly what `PRIVILEGES` and `RESTRICTIONS` list. The owner of the tables runs it."""

    def ask(sql: str) -> Any:
        return connection.exec_driver_sql(sql).scalar()

    roles = [role for role in Role if role is not Role.OWNER and ask(f"SELECT to_regrole('{role}')")]
    if not roles:
        return
    for kind in ("TABLES", "SEQUENCES"):
        connection.exec_driver_sql(f"REVOKE ALL ON ALL {kind} IN SCHEMA public FROM {', '.join(roles)}")
    for table, granted in PRIVILEGES.items():
        sequence = ask(_SEQUENCE.format(table=table))
        for role in roles:
            if privileges := granted.get(role):
                connection.exec_driver_sql(f"GRANT {', '.join(privileges)} ON TABLE {table} TO {role}")
            if privileges and "INSERT" in privileges and sequence:
                connection.exec_driver_sql(f"GRANT USAGE ON SEQUENCE {sequence} TO {role}")
    for table, restricted in RESTRICTIONS.items():
        for role in set(roles) & set(restricted):
            for number, policy in enumerate(restricted[role]):
                name, rule = f"{role}_{number}", f"AS RESTRICTIVE {policy.format(role=role)}"
                # A policy locks its table even against reading, for example by a backup, so none is made again.
                if ask(_RULE_OF_POLICY.format(name=name, table=table)) == rule:
                    continue
                literal = rule.replace("'", "''")
                connection.exec_driver_sql(f"DROP POLICY IF EXISTS {name} ON {table}")
                connection.exec_driver_sql(f"CREATE POLICY {name} ON {table} {rule}")
                connection.exec_driver_sql(f"COMMENT ON POLICY {name} ON {table} IS '{literal}'")
