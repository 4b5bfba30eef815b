"""Writes and reads dumps of a database, with the programs of the embedded Postgres."""

import signal
import subprocess
from pathlib import Path
from typing import IO, Final
from urllib.parse import parse_qs, unquote, urlsplit

from precieux.postgres.cluster import ENVIRONMENT, complaint
from precieux.postgres.data_directory import find_data_directory
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.parent_death import die_with_parent

#: Leaves out the names of roles, so that the dump can be read into any cluster.
_DUMP: Final = ("pg_dump", "--format=custom", "--no-owner")
_LOAD: Final = ("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction")


def write_dump(url: str, postgres: Path, target: IO[bytes]) -> None:
    """Write the database at `url`, an address of the embedded Postgres in the folder `postgres`, to a file."""
    _run(_DUMP, url, postgres, stdout=target)


def load_dump(url: str, postgres: Path, source: IO[bytes]) -> None:
    """Load a dump into the empty database at `url`, all of it or nothing."""
    _run(_LOAD, url, postgres, stdin=source)


def _run(
    command: tuple[str, ...],
    url: str,
    postgres: Path,
    *,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
) -> None:
    parts = urlsplit(url)
    database = unquote(parts.path.lstrip("/"))
    socket = Path(parse_qs(parts.query)["host"][0])
    # Not on the command line, where other users could read the password.
    connection = {
        "PGHOST": str(socket.parent),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
    }
    program, *options = command
    done = subprocess.run(
        [find_data_directory(postgres).binaries / program, *options, "--dbname", database],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **connection},
        cwd="/",
        preexec_fn=die_with_parent(signal.SIGTERM),
        check=False,
    )
    if done.returncode != 0:
        raise DatabaseUnavailable(f"{program} failed: {complaint(done.stderr, postgres)}.")
