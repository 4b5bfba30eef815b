"""The schema as SQLAlchemy Core tables. The migrations must produce it (tests/migration compares the two).

`uploads`, `job` and `results` keep the names and columns of the original system, so that its database migrates in
place. Queries are SQL text in the module that needs them.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
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


# Submissions. `enable` 0 means that it may be run, 1 that it is blocked. `request_id` is the request that is under way:
# while it is set, another request changes nothing. `owner` is the key that submitted it; NULL if there were no keys, or
# for a key of the operator's settings. `stopped_consumers` counts consumers that died while they made the job of a
# request without a message.
#
# The columns from `spec` on are those of API v1. `spec` has what the run needs besides files, input and tests (args,
# compiler_args, limits, checker, stop_at_first_failure, locale, receipt); NULL if a classic call made the row. `files`
# lists path and size of each file. `runs` counts the requested runs, `override` is what the latest one has in place of
# the submission's own (stdin, args, limits), `outcome` and `verdict` are its end, NULL until then. The front doors for
# other systems' clients set more of `spec` (`job_runner.verdict.program`).
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
    Column("idempotency_key", Text),  # only the previous release uses it
    _time("created_at", default_now=True),
    Column("stopped_consumers", Integer, nullable=False, server_default=text("0")),
    Column("spec", JSONB),
    Column("files", JSONB),
    Column("expected_output", Text),
    Column("tests", JSONB),
    Column("metadata", JSONB),
    Column("webhook_url", Text),
    Column("batch", BigInteger, ForeignKey("batches.id")),
    Column("runs", Integer, nullable=False, server_default=text("0")),
    Column("override", JSONB),
    Column("outcome", Text),
    Column("verdict", Text),
    CheckConstraint("outcome IN ('finished', 'failed', 'cancelled')", name="outcome"),
    # Addresses are stored as they were given, and found in upper or lower case.
    Index("uploads_email_idx", text("lower(email)"), "id"),
    # With this index, other keys' rows at the address do not slow down a key's list.
    Index("uploads_owner_idx", "owner", text("lower(email)"), "id"),
    # The backlog of one key.
    Index("uploads_waiting_idx", "owner", postgresql_where=text("request_id IS NOT NULL")),
    # Lists, the newest first: of all, of one key, and of one key by address, or by state or verdict.
    Index("uploads_created_idx", "created_at", "id"),
    Index("uploads_newest_idx", "owner", "created_at", "id"),
    Index("uploads_address_idx", "owner", text("lower(email)"), "created_at", "id"),
    Index("uploads_outcome_idx", "owner", "outcome", "verdict", "created_at", "id"),
    Index(
        "uploads_metadata_idx",
        "metadata",
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
        postgresql_where=text("metadata IS NOT NULL"),
    ),
    Index("uploads_batch_idx", "batch", "id", postgresql_where=text("batch IS NOT NULL")),
    # The files of API v1, of which the cleaner looks for those without a row.
    Index("uploads_source_idx", "object_key", postgresql_where=text("object_key LIKE 'sources/%'")),
    # The whole backlog: every request that is under way.
    Index("uploads_pending_idx", "requested_at", postgresql_where=text("request_id IS NOT NULL")),
    Index(
        "uploads_idempotency_idx",
        text("coalesce(owner, 0)"),
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)

# One job for each request. `number` counts the runs of the submission from 1. `turn` is a turn of its key's share among
# those of all keys, `place` is its place among the jobs of that share (docs/adr/0007). `owner` is the key, 0 if there
# is none. `lease_id` names the latest claim: a write with an older one changes nothing. A job with a `stop_reason` must
# not run: the runner that claims it fails it, and mails the reason. `failure` is why a job failed, or why an earlier
# run of one that has not ended gave no result. `crashes` counts the runs that ended because their engine or runner
# died, the last time at `crashed_at` (docs/adr/0005).
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
    Column("number", Integer, nullable=False, server_default=text("1")),
    _time("requested_at"),
    CheckConstraint("status IN ('none-executed', 'executing', 'executed', 'failed', 'cancelled')", name="status"),
    Index("job_upload_idx", "upload", "id"),
    # For the pages of a submission's runs, and for single runs.
    Index("job_number_idx", "upload", "number"),
    # Partial, so that a million finished rows do not slow down a claim.
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
    Index("job_crashed_idx", "crashed_at", postgresql_where=text("crashes > 0")),
    Index("job_lease_idx", "lease_expires_at", postgresql_where=text("status = 'executing'")),
    # What ended in a minute, and the latest failures.
    Index("job_finished_idx", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    Index("job_failed_idx", "finished_at", "id", postgresql_where=text("status = 'failed'")),
)

# The result of an executed job, one row per job. `engine` is the engine's answer without the output. `error` is the
# text for people, `stderr` and `compile_output` are its parts, NULL if the engine does not separate them.
# `stderr_bytes` has the bytes that `stderr` cannot hold as text, NULL if it can. `cut` names the texts that the engine
# cut.
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
    Column("stderr", Text),
    Column("compile_output", Text),
    Column("points", Float),
    Column("points_awarded", Float),
    Column("cut", ARRAY(Text)),
    Column("stderr_bytes", LargeBinary),
    # The files that the program wrote to `out/` (`shared.engine.artifacts`), and how many others it wrote, by reason.
    Column("artifacts", JSONB),
    Column("artifacts_left_out", JSONB),
)

# The results of the tests of a job, each written when its test ends. `attempt` is the attempt of the job.
test_results = Table(
    "test_results",
    metadata,
    Column("job", BigInteger, ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("points_awarded", Float, nullable=False),
    Column("stdout", LargeBinary, nullable=False),
    Column("stderr", LargeBinary, nullable=False),
    Column("diff", Text),
    Column("cut", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("cpu_s", Float),
    Column("wall_s", Float),
    Column("memory_bytes", BigInteger),
    _time("ended_at", default_now=True),
)

# Mails. Those of results are written in the transaction that ends their job, and sent later, so none is lost. `job` is
# NULL for a receipt, and for the digest of a batch. The API orders receipts and repeated mails: the runner fills in
# their recipient, texts and `message_id`. `attachments` is a list of objects in the store, and of texts.
emails = Table(
    "emails",
    metadata,
    _key(),
    Column("job", BigInteger, ForeignKey("job.id")),
    Column("kind", Text, nullable=False),
    Column("recipient", Text),
    Column("subject", Text),
    Column("text", Text),
    Column("html", Text),
    Column("message_id", Text, unique=True),
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
    Column("upload", BigInteger),
    Column("batch", BigInteger),
    Column("locale", Text),
    _time("updated_at", default_now=True),
    Column("attachments", JSONB),
    CheckConstraint(
        "status IN ('queued', 'sending', 'sent', 'delivered', 'deferred', 'bounced', 'complained', 'refused',"
        " 'suppressed', 'uncertain')",
        name="status",
    ),
    Index("emails_job_idx", "job"),
    Index("emails_upload_idx", "upload", "id"),
    Index("emails_batch_idx", "batch", "id", postgresql_where=text("batch IS NOT NULL")),
    # Those that the API has asked for, and no runner has rendered.
    Index("emails_ordered_idx", "id", postgresql_where=text("status = 'queued' AND message_id IS NULL")),
    Index("emails_due_idx", "run_after", "id", postgresql_where=text("status = 'queued'")),
    Index("emails_lease_idx", "lease_expires_at", postgresql_where=text("status = 'sending'")),
    # What became of mails in a minute, and the latest that did not arrive.
    Index("emails_ended_idx", "updated_at", postgresql_where=text("status NOT IN ('queued', 'sending')")),
    Index(
        "emails_not_arrived_idx",
        "updated_at",
        "id",
        postgresql_where=text("status IN ('refused', 'bounced', 'complained', 'uncertain')"),
    ),
)

# Submissions of Judge0's clients (`api_service.doors.judge0`): the token that names a submission to its client, and the
# client's request in Judge0's words.
judge0_submissions = Table(
    "judge0_submissions",
    metadata,
    Column("upload", BigInteger, ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("token", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),
    Column("request", JSONB, nullable=False),
)

# Batches: submissions that were posted together. A runner sets `finished_at` when all of them have ended.
batches = Table(
    "batches",
    metadata,
    _key(),
    Column("owner", BigInteger, ForeignKey("api_keys.id")),
    Column("digest", Boolean, nullable=False, server_default=text("false")),
    Column("webhook_url", Text),
    _time("created_at", default_now=True),
    _time("finished_at"),
    Index("batches_unfinished_idx", "id", postgresql_where=text("finished_at IS NULL")),
)

# Webhooks to deliver, written in the transaction of the event. `upload` and `run`, or `batch`, are what it is about.
# `owner` is the key whose secret signs. `body` is rendered at the first attempt, and the same for all attempts. `host`
# is that of the URL, with its port: only a few webhooks of one host are delivered at once.
webhooks = Table(
    "webhooks",
    metadata,
    _key(),
    Column("message_id", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),
    Column("owner", BigInteger),
    Column("upload", BigInteger),
    Column("run", Integer),
    Column("batch", BigInteger),
    Column("type", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("host", Text, Computed("lower(split_part(url, '/'::text, 3))", persisted=True)),
    Column("body", Text),
    Column("status", Text, nullable=False, server_default=text("'pending'")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("lease_id", Uuid),
    _time("lease_expires_at"),  # of earlier releases
    _time("run_after", default_now=True),
    Column("last_status", Integer),
    Column("last_error", Text),
    _time("delivered_at"),
    _time("created_at", default_now=True),
    CheckConstraint("status IN ('pending', 'delivered', 'gone', 'failed')", name="status"),
    Index("webhooks_due_idx", "host", "run_after", "id", postgresql_where=text("status = 'pending'")),
    Index("webhooks_upload_idx", "upload", "id"),
    Index("webhooks_batch_idx", "batch", "id", postgresql_where=text("batch IS NOT NULL")),
)

# Answers to POSTs with an Idempotency-Key. `status` is NULL until the work of the request with `claim_id` is done;
# `made` is the id or number of what it made, from which a lost `body` is rendered again. It is NULL with a `status` if
# the submission or batch was deleted.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", BigInteger, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("content_sha256", Text, nullable=False),
    Column("claim_id", Uuid, nullable=False),
    _time("claimed_at", default_now=True),
    Column("status", Integer),
    Column("made", BigInteger),
    Column("location", Text),
    Column("body", LargeBinary),
    _time("created_at", default_now=True),
    Index("idempotency_keys_created_idx", "created_at"),
    # The answers about a submission or a batch.
    Index(
        "idempotency_keys_resource_idx",
        # As Postgres shows it.
        text("substring((path || '/') || made::text, '^(/v1/(submissions|batches)/[0-9]+)')"),
    ),
)

# Ids of deleted submissions, which are not used again. `objects` are those of the object store that are not removed
# yet (`shared.resources.remove`).
deleted_uploads = Table(
    "deleted_uploads",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("objects", ARRAY(Text)),
    Index("deleted_uploads_objects_idx", "id", postgresql_where=text("objects IS NOT NULL")),
)

# Mailgun's events that were handled, by the token of each.
mailgun_events = Table(
    "mailgun_events",
    metadata,
    Column("token", Text, primary_key=True),
    _time("created_at", default_now=True),
)

# API keys (`shared.accounts.api_keys`).
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
    # Signs webhooks. An old secret signs along with the new one for a while. The API does not see the secrets.
    Column("webhook_secret", Text),
    Column("old_webhook_secret", Text),
    _time("old_webhook_secret_until"),
    Column("signs_webhooks", Boolean, Computed("webhook_secret IS NOT NULL", persisted=True)),
)

# Addresses that want no more mails (`shared.mail.suppressions`).
suppressions = Table(
    "suppressions",
    metadata,
    Column("email", Text, primary_key=True),
    Column("canonical", Text),
    Column("reason", Text, nullable=False),
    _time("created_at", default_now=True),
    Index("suppressions_canonical_idx", "canonical"),
)

# The budget of a key, a recipient or a domain: the time at which none of it will be in use (`shared.accounts.budgets`).
budgets = Table(
    "budgets",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("used_until", DateTime(timezone=True), nullable=False),
)

# What the operator's page shows over time: one row a minute, for a day (`api_service.background.metrics_history`).
series = Table(
    "series",
    metadata,
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("figures", JSONB, nullable=False, server_default=text("'{}'")),
)

# Browsers that are logged in to the operator's page, by the digest of their cookie. `key_sha256` is the digest of the
# key; NULL for the local user in protected mode.
sessions = Table(
    "sessions",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("key_sha256", Text),
    _time("created_at", default_now=True),
)

# The languages that the engine has, as it last reported to a runner (`job_runner.engine.languages`).
languages = Table(
    "languages",
    metadata,
    Column("code", Text, primary_key=True),
    Column("info", Text, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    # The engine's row of `GET /list`.
    Column("details", JSONB),
)

# Requests that RabbitMQ has not confirmed, or that are no jobs yet, written in the transaction that makes them. Without
# RabbitMQ, one that can make no job keeps the reason in `failure`, and one that is tried again later has `run_after`.
outbox = Table(
    "outbox",
    metadata,
    _key(),
    Column("queue", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("headers", JSONB, nullable=False, server_default=text("'{}'")),
    _time("created_at", default_now=True),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    _time("run_after"),
    Column("failure", Text),
    _time("failed_at"),
)

# Programs of revision 0005 keep messages here if they have no RabbitMQ. The migration moves them to the outbox.
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
