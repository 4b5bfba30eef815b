"""`precieux keys`: who may use the API."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from precieux import terminal
from precieux.operator_database import operator_database
from shared import api_keys
from shared.addresses import is_recipient
from shared.api_keys import Scope
from shared.errors import PrecieuxError

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder of all embedded state (PRECIEUX_DATA_DIR).")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for the list.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; may be repeated. Default: submit and read.")
    ] = None,
    recipients: Annotated[
        list[str] | None,
        typer.Option(help="Domain (example.edu, *.example.edu) or address it may mail; may be repeated. Default: all."),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once, and kept only as a digest."""
    scopes = frozenset(scope or (Scope.SUBMIT, Scope.READ))
    allowed = [name.strip() for entry in recipients for name in entry.split(",")] if recipients else None
    for name_of_recipient in allowed or ():
        if not is_recipient(name_of_recipient):
            raise typer.BadParameter(f"{name_of_recipient!r} is no domain, no *.domain and no address")

    async def make() -> tuple[int, str]:
        async with operator_database(data_dir) as database, database.transaction() as connection:
            return await api_keys.create(connection, name, scopes, allowed)

    key_id, key = asyncio.run(make())
    if as_json:
        terminal.say_json({"id": key_id, "name": name, "scopes": sorted(scopes), "recipients": allowed, "key": key})
        return
    terminal.say(key)
    terminal.hint(f"Key {key_id} of {name}; it cannot be shown again. Send it as `Authorization: Bearer KEY`.")


@app.command("list")
def list_keys(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the keys, without themselves."""

    async def read() -> list[api_keys.ApiKey]:
        async with operator_database(data_dir) as database, database.transaction() as connection:
            return await api_keys.listed(connection)

    keys = asyncio.run(read())
    if as_json:
        terminal.say_json([_as_dict(key) for key in keys])
    else:
        terminal.show_table(
            ("id", "name", "scopes", "recipients", "created at", "revoked at"), (_as_dict(key).values() for key in keys)
        )


@app.command()
def revoke(
    key_id: Annotated[int, typer.Argument(metavar="ID", help="The key's number in the list.")], data_dir: DataDir = None
) -> None:
    """Revoke a key: within seconds it opens nothing any more."""

    async def end() -> bool:
        async with operator_database(data_dir) as database, database.transaction() as connection:
            return await api_keys.revoke(connection, key_id)

    if not asyncio.run(end()):
        raise PrecieuxError(f"There is no valid key {key_id}: see `precieux keys list`.")
    terminal.say(f"Key {key_id} is revoked.")


def _as_dict(key: api_keys.ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": " ".join(sorted(key.scopes)),
        "recipients": " ".join(key.recipients) if key.recipients is not None else None,
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(timespec="seconds"),
    }
