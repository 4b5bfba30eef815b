"""`precieux dead`: lists dead letters, replays them, and drops them."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from precieux import terminal
from precieux.commands.options import DataDir, Json
from precieux.installation.operator_database import operate
from shared.adapters.broker.dead_letters import DeadLetter, DeadLetters
from shared.adapters.broker.open_dead_letters import open_dead_letters
from shared.adapters.broker.settings import BrokerSettings
from shared.adapters.database.connection import Database
from shared.common.service.errors import PrecieuxError
from shared.common.service.settings import load

app = typer.Typer(
    help="List messages that could not be handled (dead letters), queue them again, or drop them.", no_args_is_help=True
)

Keys = Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Keys, as `precieux dead list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="All dead letters in the queue now.")]

#: A limit beyond any number of dead letters.
_MANY: Final = 1_000_000

Act = Callable[[DeadLetters, Collection[str]], Awaitable[list[DeadLetter]]]


@app.command("list")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=_MANY, help="How many, the oldest first.")] = 100,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the dead letters, the oldest first."""
    _show(_with_letters(lambda dead: dead.read(limit=limit), data_dir), as_json=as_json)


@app.command()
def replay(keys: Keys = None, everything: All = False, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Put dead letters on the queue again. A message that has made a job makes no second one."""
    _act(lambda dead, chosen: dead.replay(chosen), keys or (), everything, data_dir, as_json)


@app.command()
def drop(keys: Keys = None, everything: All = False, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Remove dead letters permanently."""
    _act(lambda dead, chosen: dead.drop(chosen), keys or (), everything, data_dir, as_json)


def _act(act: Act, keys: Collection[str], everything: bool, data_dir: Path | None, as_json: bool) -> None:
    if bool(keys) == everything:
        raise typer.BadParameter("give either keys or --all")

    async def use(dead: DeadLetters) -> list[DeadLetter]:
        return await act(dead, {letter.key for letter in await dead.read(limit=_MANY)} if everything else keys)

    letters = _with_letters(use, data_dir)
    _show(letters, as_json=as_json)
    if missing := sorted({*keys} - {letter.key for letter in letters}):
        raise PrecieuxError(f"There is no dead letter {', '.join(missing)}: see `precieux dead list`.")


def _with_letters(use: Callable[[DeadLetters], Awaitable[list[DeadLetter]]], data_dir: Path | None) -> list[DeadLetter]:
    settings = load(BrokerSettings)

    async def work(database: Database) -> list[DeadLetter]:
        return await use(open_dead_letters(settings, database))

    return operate(work, data_dir)


def _show(letters: list[DeadLetter], *, as_json: bool) -> None:
    """Print the letters. Bytes of a body that are not UTF-8 are escaped."""
    headers = ("key", "body", "message id", "died at", "reason")
    rows = [{**asdict(letter), "body": letter.body.decode("utf-8", "backslashreplace")} for letter in letters]
    terminal.show_rows(headers, rows, as_json=as_json)
