"""`precieux quarantine`: lists the sources that may not run (they stopped an engine or a runner), and releases them."""

from collections.abc import Collection
from typing import Annotated, Any, Final

import typer

from precieux import terminal
from precieux.commands.options import DataDir, Json
from precieux.operator_database import operate_in_transaction
from shared.database.connection import Connection
from shared.errors import PrecieuxError

app = typer.Typer(help="List sources that may not run, and let them run again.", no_args_is_help=True)

Digest = Annotated[
    str, typer.Argument(metavar="SHA256", help="The source's digest, as `precieux quarantine list` shows it.")
]
Digests = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SHA256]...", help="Digests, as `precieux quarantine list` shows them."),
]
All = Annotated[bool, typer.Option("--all", help="All sources in quarantine.")]

_FIELDS: Final = "sha256, language, reason, job, crashes, created_at"


@app.command("list")
def list_sources(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 100,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the sources in quarantine, the newest first."""
    _show(operate_in_transaction(lambda connection: _listed(connection, limit), data_dir), as_json=as_json)


@app.command()
def show(digest: Digest, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show one source, and its submissions."""
    source = operate_in_transaction(lambda connection: _details(connection, digest), data_dir)
    if as_json:
        terminal.say_json(source)
        return
    submissions = ", ".join(str(number) for number in source["submissions"])
    terminal.show_table(("field", "value"), {**source, "submissions": submissions}.items())


@app.command()
def lift(digests: Digests = None, everything: All = False, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let sources run again. Jobs that have failed stay failed; their submissions may be requested again."""
    if bool(digests) == everything:
        raise typer.BadParameter("give either digests or --all")
    lifted = operate_in_transaction(lambda connection: _lift(connection, digests), data_dir)
    _show(lifted, as_json=as_json)
    missing = sorted(set(digests or ()) - {source["sha256"] for source in lifted})
    if missing:
        raise _unknown(*missing)


async def _listed(connection: Connection, limit: int) -> list[dict[str, Any]]:
    rows = await connection.fetch_all(
        f"SELECT {_FIELDS} FROM quarantine ORDER BY created_at DESC, sha256 LIMIT :limit",  # noqa: S608
        {"limit": limit},
    )
    return [dict(row) for row in rows]


async def _details(connection: Connection, digest: str) -> dict[str, Any]:
    row = await connection.fetch_one(
        f"SELECT {_FIELDS} FROM quarantine WHERE sha256 = :digest",  # noqa: S608
        {"digest": digest},
    )
    if row is None:
        raise _unknown(digest)
    submissions = await connection.fetch_all(
        "SELECT id FROM uploads WHERE sha256 = :digest ORDER BY id", {"digest": digest}
    )
    return {**row, "submissions": [each["id"] for each in submissions]}


async def _lift(connection: Connection, digests: Collection[str] | None) -> list[dict[str, Any]]:
    """Remove these sources, or all, and return them."""
    rows = await connection.fetch_all(
        """
        WITH lifted AS MATERIALIZED (
            SELECT sha256 FROM quarantine
            WHERE CAST(:digests AS text[]) IS NULL OR sha256 = ANY(CAST(:digests AS text[]))
            ORDER BY sha256 FOR UPDATE
        )
        DELETE FROM quarantine USING lifted WHERE quarantine.sha256 = lifted.sha256
        RETURNING quarantine.sha256, language, reason, job, crashes, created_at
        """,
        {"digests": None if digests is None else list(digests)},
    )
    return [dict(row) for row in rows]


def _show(sources: list[dict[str, Any]], *, as_json: bool) -> None:
    headers = ("sha256", "language", "reason", "job", "crashes", "since")
    terminal.show_rows(headers, sources, as_json=as_json)


def _unknown(*digests: str) -> PrecieuxError:
    return PrecieuxError(f"{', '.join(digests)} is not in quarantine: see `precieux quarantine list`.")
