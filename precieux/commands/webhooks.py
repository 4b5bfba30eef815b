"""`precieux webhooks`: lists webhooks with the result of their latest attempt, shows one, and delivers some again."""

from typing import Annotated, Any, Final

import typer

from precieux import terminal
from precieux.commands.options import DataDir, Json, RowId
from precieux.installation.operator_database import transact
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection
from shared.common.service.errors import PrecieuxError
from shared.records.resources.states import WebhookState

app = typer.Typer(help="List webhooks, show one, or deliver some again.", no_args_is_help=True)

WebhookIds = Annotated[
    list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers, as `precieux webhooks list` shows them.")
]

_FIELDS: Final = """
    id, 'msg_' || replace(CAST(message_id AS text), '-', '') AS message, type, upload AS submission, run, batch, url,
    status AS state, attempt AS attempts, last_status, last_error,
    CASE WHEN status = 'pending' THEN run_after END AS next_attempt_at, created_at, delivered_at
"""
_LIST: Final = f"""
    SELECT {_FIELDS} FROM webhooks
    WHERE (CAST(:state AS text) IS NULL OR status = :state)
        AND (CAST(:submission AS bigint) IS NULL OR upload = :submission)
    ORDER BY id DESC LIMIT :limit
"""  # noqa: S608  (constants)
_SHOW: Final = f"SELECT {_FIELDS}, body FROM webhooks WHERE id = :id"  # noqa: S608
#: The attempts of a webhook begin again with the first. Its body and id stay, so a receiver recognizes it.
_REPLAY: Final = f"""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM webhooks WHERE id = ANY(:ids) OR :all_failed AND status = 'failed' ORDER BY id FOR UPDATE
    )
    UPDATE webhooks SET status = 'pending', attempt = 0, run_after = now(), lease_id = NULL, lease_expires_at = NULL
    FROM chosen WHERE webhooks.id = chosen.id
    RETURNING {_FIELDS.replace(" id,", " webhooks.id,", 1)}
"""  # noqa: S608


@app.command("list")
def list_webhooks(
    state: Annotated[WebhookState | None, typer.Option(help="Only those in this state.")] = None,
    submission: Annotated[int | None, typer.Option(help="Only those of this submission.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 50,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List webhooks, the newest first."""
    values = {"state": state, "submission": submission, "limit": limit}

    async def read(connection: Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in await connection.fetch_all(_LIST, values)]

    _show(transact(read, data_dir), as_json=as_json)


@app.command()
def show(webhook_id: RowId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show one webhook and its body."""

    async def read(connection: Connection) -> dict[str, Any]:
        row = await connection.fetch_one(_SHOW, {"id": webhook_id})
        if row is None:
            raise _none([webhook_id])
        return dict(row)

    webhook = transact(read, data_dir)
    if as_json:
        terminal.say_json(webhook)
    else:
        terminal.show_table(("field", "value"), webhook.items(), whole=("field",))


@app.command()
def replay(
    webhook_ids: WebhookIds = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="All that have failed.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Deliver webhooks again now, in any state. Their ids and bodies stay the same."""
    if bool(webhook_ids) == all_failed:
        raise typer.BadParameter("give either numbers or --all-failed")
    ids = list(webhook_ids or ())

    async def write(connection: Connection) -> list[dict[str, Any]]:
        rows = await connection.fetch_all(_REPLAY, {"ids": ids, "all_failed": all_failed})
        if missing := sorted(set(ids) - {row["id"] for row in rows}):
            raise _none(missing)
        await connection.notify(channels.WEBHOOKS)
        return [dict(row) for row in sorted(rows, key=lambda row: int(row["id"]))]

    _show(transact(write, data_dir), as_json=as_json)


def _none(ids: list[int]) -> PrecieuxError:
    return PrecieuxError(f"There is no webhook {', '.join(map(str, ids))}: see `precieux webhooks list`.")


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        terminal.say_json(rows)
        return
    columns = ("id", "type", "submission", "batch", "url", "state", "attempts", "last_status", "last_error")
    headers = tuple(name.replace("_", " ") for name in (*columns, "next_attempt_at"))
    cells = ([row[name] for name in (*columns, "next_attempt_at")] for row in rows)
    terminal.show_table(headers, cells, whole=("id", "state", "attempts"))
