"""`precieux sources`: writes the sources of batches into a folder, as programs that look for copies read them."""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from unicodedata import normalize

import typer

from precieux import terminal
from precieux.classes.tree import UnreadableFile, opened_zip
from precieux.commands.options import on_server
from precieux.errors import UsageError
from precieux.host import files
from precieux.installation.server import Server
from precieux_client import Client, Submission
from shared.common.text.csv_cells import text_cell
from shared.common.text.source_paths import fault_of

_COLUMNS: Final = ("filename", "full_name", "id", "created_at", "verdict")
_MAX_NAME: Final = 100
_MAX_FILES: Final = 10_000
_MAX_BYTES: Final = 1 << 30
_NOT_IN_NAMES: Final = re.compile(r"[/\x00-\x1f\x7f-\x9f]")


@on_server
def sources(
    server: Server,
    batches: Annotated[list[int], typer.Argument(metavar="BATCH...", min=1, help="Numbers of batches.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
) -> None:
    """Write the sources of batches into a folder, with a list of them, for JPlag, Dolos and others."""
    if folder.exists() and (not folder.is_dir() or files.list_folder(folder)):
        raise UsageError(f"{folder} is not empty: name a new folder.")
    client = server.connect(patient=True)
    rows, taken = [], set[str]()
    for batch in batches:
        for number in client.get_batch(batch).submissions:
            submission = client.get(number)
            full_name = submission.metadata.get("name") or str(number)
            name = _free(full_name, taken)
            for path, content in _files_of(client, submission).items():
                files.make_folder((folder / name / path).parent)
                files.write(folder / name / path, content)
            made_at, verdict = submission.created_at.isoformat(), submission.verdict or ""
            rows.append((f"{name}/{submission.entry}", text_cell(full_name), number, made_at, verdict))
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows([_COLUMNS, *rows])
    files.make_folder(folder)
    files.write_whole(folder / "info.csv", table.getvalue().encode())
    terminal.hint(f"The sources of {len(rows)} submissions are in {folder}.")


def _free(name: str, taken: set[str]) -> str:
    """Return the name of a folder that no other submission has, and take it.

    Some file systems know neither case nor how a letter is composed.
    """
    plain = _NOT_IN_NAMES.sub("_", text_cell(name)).encode("utf-8", "replace")[:_MAX_NAME].decode("utf-8", "ignore")
    plain = plain if plain.strip(".") else "_"
    candidate, number = plain, 1
    while (key := normalize("NFKC", candidate).casefold()) in taken or key == "info.csv":
        number += 1
        candidate = f"{plain} ({number})"
    taken.add(key)
    return candidate


def _files_of(client: Client, submission: Submission) -> Mapping[str, bytes]:
    """Return the files of a submission. A path that could leave a folder is left out."""
    source = client.source(submission.id)
    files = {submission.entry: source}
    if len(submission.files) > 1:
        try:
            with opened_zip(source, max_files=_MAX_FILES, max_bytes=_MAX_BYTES) as inside:
                files = {path: file.read() for path, file in inside if file is not None}
        except UnreadableFile as exc:
            raise UsageError(f"The source of submission {submission.id} cannot be read: {exc}.") from exc
    return {path: content for path, content in files.items() if fault_of(path) is None}
