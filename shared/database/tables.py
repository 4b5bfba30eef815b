"""The schema as SQLAlchemy Core tables: what the migrations must arrive at (tests/migration compares the two).

`uploads`, `job` and `results` keep the names and columns of the original system, so that its database migrates in
place. Queries are text SQL in the module that needs them, for the readers' and the planner's sake.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def _key() -> Column[int]:
    return Column("id", BigInteger, Identity(always=False), primary_key=True)


def _time(name: str, *, default_now: bool = False) -> Column[Any]:
    return Column(
        name,
        DateTime(timezone=True),
        nullable=not default_now,
        server_default=func.now() if default_now else None,
    )


# What somebody sent. `enable` 0 means that it may be run, 1 that it is blocked. `request_id` is the request for its
# execution that is not answered yet: while it is set, asking again asks for nothing new. `owner` is the key that
# submitted it; none when there were no keys, or for a key of the operator's settings. `stopped_consumers` counts
# those that stopped while they made the job of a silent request.
uploads = Table(
    "uploads",
    metadata,
    _key(),
    Column("email", Text),
    Column("inputs", Text),
    Column("language", Text),
    Column("enable", Integer, server_default=text("0")),
    Column("filename", Text),
    Column("object_key", Text),
    Column("size_bytes", Integer),
    Column("sha256", Text),
    Column("request_id", Uuid),
    _time("requested_at"),
    Column("owner", BigInteger, ForeignKey("api_keys.id")),
    Column("idempotency_key", Text),
    _time("created_at", default_now=True),
    Column("stopped_consumers", Integer, nullable=False, server_default=text("0")),
    # Addresses are kept as they were given, and looked up in any case.
    Index("uploads_email_idx", text("lower(email)"), "id"),
    # With this index, other keys' rows at the address do not slow down a key's list.
    Index("uploads_owner_idx", "owner", text("lower(email)"), "id"),
    # What one key has waiting.
    Index("uploads_waiting_idx", "owner", postgresql_where=text("request_id IS NOT NULL")),
    Index("uploads_created_idx", "created_at"),
    # The whole backlog: every request for execution that is not answered yet.
    Index("uploads_pending_idx", "requested_at", postgresql_where=text("request_id IS NOT NULL")),
    Index(
        "uploads_idempotency_idx",
        text("coalesce(owner, 0)"),
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)

# One request for execution. `turn` is a turn of its key's share among those of all keys, `place` is its place among the
# jobs of that share (docs/adr/0094); `owner` is the key, 0 where there is none. `lease_id` names the one claim whose
# holder may still write; a write with an older one changes nothing. A `stop_reason` says why the job must not run: the
# runner that claims it then fails it, and mails the reason. `failure` is why a job failed, or why an earlier run of
# one that has no end yet gave no result. `crashes`
# counts the runs that ended with their engine or runner, the last time at `crashed_at` (docs/adr/0089).
job = Table(
    "job",
    metadata,
    _key(),
    Column("upload", BigInteger, ForeignKey("uploads.id")),
    Column("job", Text),
    Column("status", Text, nullable=False, server_default=text("'none-executed'")),
    Column("request_id", Uuid, unique=True),
    Column("owner", BigInteger, nullable=False, server_default=text("0")),
    Column("sender", Text),
    Column("turn", BigInteger, nullable=False, server_default=text("0")),
    Column("place", BigInteger, nullable=False, server_default=text("0")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("lease_id", Uuid),
    _time("lease_expires_at"),
    _time("run_after", default_now=True),
    _time("created_at", default_now=True),
    _time("started_at"),
    _time("finished_at"),
    Column("stop_reason", Text),
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    _time("crashed_at"),
    Column("failure", Text),
    CheckConstraint("status IN ('none-executed', 'executing', 'executed', 'failed')", name="status"),
    Index("job_upload_idx", "upload", "id"),
    # Partial, so that a claim costs the same with a million finished rows beside it.
    Index("job_due_idx", "run_after", "id", postgresql_where=text("status = 'none-executed'")),
    Index("job_turn_idx", "turn", "id", postgresql_where=text("status = 'none-executed'")),
    Index("job_owner_idx", "owner", "turn", postgresql_where=text("status = 'none-executed'")),
    Index("job_place_idx", "owner", "place", "id", postgresql_where=text("status = 'none-executed'")),
    Index("job_sender_idx", "sender", "owner", "place", postgresql_where=text("status = 'none-executed'")),
    Index(
        "job_suspect_idx",
        "turn",
        "id",
        postgresql_where=text("crashes > 0 AND stop_reason IS NULL AND status IN ('none-executed', 'executing')"),
    ),
    Index("job_lease_idx", "lease_expires_at", postgresql_where=text("status = 'executing'")),
)

# What an executed job gave: one row a job. `engine` is the engine's answer but for the output, as it came.
results = Table(
    "results",
    metadata,
    _key(),
    Column("job", BigInteger, ForeignKey("job.id"), unique=True),
    Column("upload", BigInteger),
    Column("output", Text),
    Column("filelink", Text),
    Column("output_key", Text),
    _time("execute_date", default_now=True),
    Column("verdict", Text),
    Column("error", Text),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("time_s", Float),
    Column("wall_s", Float),
    Column("memory_bytes", BigInteger),
    Column("truncated", Boolean),
    Column("engine", JSONB),
)

# Mails, written with the outcome that they tell and sent later: never missing, whatever the provider does.
emails = Table(
    "emails",
    metadata,
    _key(),
    Column("job", BigInteger, ForeignKey("job.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("message_id", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("lease_id", Uuid),
    _time("lease_expires_at"),
    _time("run_after", default_now=True),
    Column("provider_id", Text),
    Column("last_error", Text),
    _time("created_at", default_now=True),
    _time("sent_at"),
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("status IN ('queued', 'sending', 'sent', 'refused', 'suppressed')", name="status"),
    Index("emails_job_idx", "job"),
    Index("emails_due_idx", "run_after", "id", postgresql_where=text("status = 'queued'")),
    Index("emails_lease_idx", "lease_expires_at", postgresql_where=text("status = 'sending'")),
)

# Who may use the API: `shared.api_keys`.
api_keys = Table(
    "api_keys",
    metadata,
    _key(),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # The domains and addresses to which its submissions may be mailed; NULL for all.
    Column("recipients", ARRAY(Text)),
    _time("created_at", default_now=True),
    _time("revoked_at"),
)

# Recipients who asked not to be mailed any more (`shared.suppressions`).
suppressions = Table(
    "suppressions",
    metadata,
    Column("email", Text, primary_key=True),
    Column("canonical", Text),
    Column("reason", Text, nullable=False),
    _time("created_at", default_now=True),
    Index("suppressions_canonical_idx", "canonical"),
)

# Sources that stopped an engine or a runner. They do not run until an operator removes the row. `job` is the job that
# stopped it; it may have been removed.
quarantine = Table(
    "quarantine",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("language", Text),
    Column("reason", Text, nullable=False),
    Column("job", BigInteger, nullable=False),
    Column("crashes", Integer, nullable=False),
    _time("created_at", default_now=True),
)

# The budget of a key, a recipient or a domain: the time at which none of it will be in use (`shared.budgets`).
budgets = Table(
    "budgets",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("used_until", DateTime(timezone=True), nullable=False),
)

# The languages that the engine has, as it told a runner last (`job_runner.languages`).
languages = Table(
    "languages",
    metadata,
    Column("code", Text, primary_key=True),
    Column("info", Text, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)

# Messages that the broker has not confirmed yet, written with the change that they tell.
outbox = Table(
    "outbox",
    metadata,
    _key(),
    Column("queue", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("headers", JSONB, nullable=False, server_default=text("'{}'")),
    _time("created_at", default_now=True),
)

# The queues themselves, where Postgres is the broker.
messages = Table(
    "messages",
    metadata,
    _key(),
    Column("queue", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("message_id", Text),
    Column("headers", JSONB, nullable=False, server_default=text("'{}'")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    _time("visible_at", default_now=True),
    _time("created_at", default_now=True),
    Index("messages_due_idx", "queue", "visible_at", "id"),
)
