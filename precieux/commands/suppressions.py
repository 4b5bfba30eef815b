"""`precieux mail suppressions`: lists addresses to which nothing is mailed, adds one to the list, and removes one."""

from dataclasses import asdict
from typing import Annotated

import typer

from precieux import terminal
from precieux.commands.options import DataDir, Json
from precieux.installation.operator_database import transact
from shared.common.service.errors import PrecieuxError
from shared.common.text.email_addresses import is_address
from shared.records.mail import suppressions

app = typer.Typer(help="List addresses to which nothing is mailed, and change the list.", no_args_is_help=True)


@app.command("list")
def list_suppressions(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the addresses to which nothing is mailed, the oldest first."""
    rows = [asdict(row) for row in transact(suppressions.listed, data_dir)]
    terminal.show_rows(("email", "reason", "created at"), rows, as_json=as_json)


@app.command()
def add(email: Annotated[str, typer.Argument(help="The address.")], data_dir: DataDir = None) -> None:
    """Mail nothing to an address any more, in all its spellings."""
    if not is_address(email):
        raise typer.BadParameter(f"{email!r} is not an address")
    transact(lambda connection: suppressions.add(connection, email, suppressions.BY_OPERATOR), data_dir)
    terminal.say(f"Nothing is mailed to {email} any more.")


@app.command()
def remove(
    email: Annotated[str, typer.Argument(help="The address, in any of its spellings.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Allow mails to an address again. Do this only if its owner asks for it."""
    removed = transact(lambda connection: suppressions.remove(connection, email), data_dir)
    if not removed:
        raise PrecieuxError(f"Mails to {email} are not suppressed: see `precieux mail suppressions list`.")
    terminal.say_done(f"Results are mailed to {email} again.", [asdict(row) for row in removed], as_json=as_json)
