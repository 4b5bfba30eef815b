"""`precieux suppressions`: lists recipients who unsubscribed, and removes them from the list if they ask for it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from precieux import terminal
from precieux.operator_database import operate
from shared import suppressions
from shared.database.connection import Database
from shared.errors import PrecieuxError
from shared.suppressions import Suppression

app = typer.Typer(help="List recipients who unsubscribed, or let mails go to one again.", no_args_is_help=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder of all embedded state (PRECIEUX_DATA_DIR).")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command("list")
def list_suppressions(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the addresses to which nothing is mailed, the oldest first."""

    async def read(database: Database) -> list[Suppression]:
        async with database.connection() as connection:
            return await suppressions.listed(connection)

    rows = [_as_dict(one) for one in operate(read, data_dir)]
    if as_json:
        terminal.say_json(rows)
    else:
        terminal.show_table(("email", "reason", "created at"), (row.values() for row in rows))


@app.command()
def remove(
    email: Annotated[str, typer.Argument(help="The address, in any of its spellings.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let mails go to an address again. Do so only when its owner asks for it."""

    async def delete(database: Database) -> list[Suppression]:
        async with database.transaction() as connection:
            return await suppressions.remove(connection, email)

    removed = operate(delete, data_dir)
    if not removed:
        raise PrecieuxError(f"Nothing stops mails to {email}: see `precieux suppressions list`.")
    if as_json:
        terminal.say_json([_as_dict(one) for one in removed])
    else:
        terminal.say(f"Results are mailed to {email} again.")


def _as_dict(one: Suppression) -> dict[str, Any]:
    return {"email": one.email, "reason": one.reason, "created_at": one.created_at.isoformat(timespec="seconds")}
