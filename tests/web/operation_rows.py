"""Rows that the operator's page shows, written as the owner of the database of a system in a folder."""

import asyncio

import asyncpg

from precieux.postgres.embedded import running_url
from shared.adapters.database.roles import Role
from tests.fixtures.postgres import in_thread
from tests.fixtures.up import Up


def execute(system: Up, statement: str, *values: object) -> None:
    """Run a statement as the owner of the system's database."""

    async def run() -> None:
        connection = await asyncpg.connect(running_url(system.data_dir / "postgres", Role.OWNER))
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    in_thread(lambda: asyncio.run(run()))


def add_day(system: Up) -> None:
    """Store figures for each minute of a day, but for half an hour."""
    execute(
        system,
        """
        INSERT INTO series (minute, figures) SELECT date_trunc('minute', now()) - make_interval(mins => n),
            jsonb_build_object('waiting', 3 + round((1 + sin(n / 200.0)) * 6) + n % 3, 'running', n % 4,
                'oldest_s', n % 9, 'mails_waiting', n % 3,
                'latency_s', jsonb_build_array(0.2, 0.5 + n % 5 * 0.1, 1.5 + n % 3),
                'mails', jsonb_build_object('sent', 30, 'refused', n / 97 % 2),
                'ended', jsonb_build_object('ok', 22 + round(12 * sin(n / 200.0)) + n % 5, 'time_limit', n % 4,
                    'compile_error', 4 + n % 3, 'failed', n / 131 % 2))
        FROM generate_series(2, 1438) AS n WHERE n NOT BETWEEN 600 AND 630 ON CONFLICT DO NOTHING
        """,
    )


def add_failures(system: Up, text: str) -> None:
    """Store a dead letter, a failed job, a refused mail, a suppression and a key, whose texts are `text`."""
    execute(
        system,
        "INSERT INTO outbox (queue, body, failure, failed_at) VALUES ('emails', $1, $1, now())",
        text,
    )
    execute(
        system,
        """
        WITH one AS (INSERT INTO uploads (email, filename, outcome, runs) VALUES ($1, $1, 'failed', 1) RETURNING id),
        mail AS (INSERT INTO emails (kind, recipient, status, last_error) VALUES ('result', $1, 'refused', $1)),
        key AS (INSERT INTO api_keys (name, sha256, scopes) VALUES ($1, gen_random_uuid(), '{read}')),
        suppression AS (INSERT INTO suppressions (email, reason) VALUES ($1, 'bounced') ON CONFLICT DO NOTHING)
        INSERT INTO job (upload, status, failure, finished_at) SELECT id, 'failed', $1, now() FROM one
        """,
        text,
    )


def add_running_job(system: Up, email: str) -> None:
    """Store a job that runs, as far as the database knows."""
    execute(
        system,
        """
        WITH one AS (INSERT INTO uploads (email, filename, runs) VALUES ($1, 'primes.py', 1) RETURNING id)
        INSERT INTO job (upload, status, attempt, started_at, lease_id, lease_expires_at)
        SELECT id, 'executing', 1, now() - interval '4 s', gen_random_uuid(), now() + interval '1 hour' FROM one
        """,
        email,
    )
