"""`precieux forget`: deletes what is stored about a person."""

from dataclasses import asdict
from typing import Annotated

import typer

from precieux import terminal
from precieux.commands.options import DataDir, Json
from precieux.installation.operator_database import transact
from shared.adapters.database.connection import Connection
from shared.common.service.errors import PrecieuxError
from shared.records.resources import person
from shared.records.resources.person import StoredAbout


def forget(
    email: Annotated[str, typer.Argument(help="The person's address, in any of its spellings.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete it. Without this, only say what is stored.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Delete the submissions of an address with their files and results, and all mails to it."""

    async def find_and_remove(connection: Connection) -> StoredAbout:
        stored = await person.find(connection, email)
        if yes and stored.under_way:
            numbers = ", ".join(map(str, stored.under_way))
            raise PrecieuxError(
                f"Nothing is deleted, because these submissions are queued or running: {numbers}. Wait until they have"
                " ended, or cancel them with `precieux cancel ID`."
            )
        if yes:
            await person.remove(connection, stored)
        return stored

    stored = transact(find_and_remove, data_dir)
    if not stored.addresses:
        raise PrecieuxError(f"No submission and no mail of {email} is stored.")
    counts = f"{len(stored.submissions)} submissions and {stored.mails} mails of {', '.join(stored.addresses)} are"
    done = "deleted. A runner removes their files within ten minutes. A suppression of the address stays."
    say = f"{counts} {done if yes else 'stored. Give --yes to delete them.'}"
    terminal.say_done(say, {**asdict(stored), "deleted": yes}, as_json=as_json)
