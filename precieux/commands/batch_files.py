"""The files of `precieux batch`: the programs that it reads, and the results that it writes."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from precieux import terminal
from precieux.errors import UsageError
from precieux.host import files
from precieux.programs.read import NoProgram, ProgramFiles, natural_key, read_program
from precieux_client import Submission
from shared.common.text.csv_cells import text_cell

#: The columns of a CSV file of programs. Only `path` is required; it is relative to the CSV file's folder.
_COLUMNS: Final = ("path", "name", "language", "email", "stdin")
_RESULTS: Final = ("name", "id", "state", "verdict", "points_awarded", "points", "cpu_s", "memory_bytes")
_OF_STUDENTS: Final = ("student", "email", "late", "submitted", "note")


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """A program of the batch, under the name that its result has."""

    name: str
    program: ProgramFiles
    email: str | None = None
    stdin: str | None = None


def read_entries(path: Path, language: str | None, entry: str | None = None) -> list[BatchEntry]:
    """Return the programs of a folder or of a CSV file. `entry` is the file that is run, of a program of several files.

    Raises `UsageError`.
    """
    read = _read_csv if path.suffix.lower() == ".csv" else _read_folder
    return read(path, language, entry)


def say_chosen(entries: Sequence[BatchEntry]) -> None:
    """Print which file is run of the programs that have several."""
    chosen = [f"{one.name}/{one.program.entry}" for one in entries if len(one.program.files) > 1]
    if chosen:
        terminal.hint(f"Of several files, these are run: {terminal.some(chosen)}. --entry names another.")


def check_writable(output: Path | None) -> None:
    """Raise `UsageError` if the results could not be written, before the programs run."""
    if output is None:
        return
    if output.is_dir() or not os.access(output if output.exists() else output.parent, os.W_OK):
        raise UsageError(f"{output} cannot be written: name a file in a folder that exists, and that you may write.")


def write_rows(rows: Sequence[dict[str, Any]], output: Path | None, *, as_json: bool) -> None:
    """Write results as CSV or JSON, into a file or to standard output. Raises `UsageError`."""
    text = json.dumps(rows, ensure_ascii=False) + "\n" if as_json else _as_csv(rows)
    if output is None:
        terminal.write(text)
        return
    files.write_whole(output, text.encode())
    terminal.hint(f"The results are in {output}.")


def say_verdicts(programs: Sequence[str], submissions: Sequence[Submission]) -> None:
    """Print how many programs have each verdict, and the names of those whose verdict is bad."""
    names: dict[str, list[str]] = {}
    for name, one in zip(programs, submissions, strict=True):
        names.setdefault(one.verdict or one.state, []).append(name)
    bad = {one.verdict or one.state for one in submissions if not one.passed}
    counts = (f"{len(of)} {verdict}{f' ({terminal.some(of)})' * (verdict in bad)}" for verdict, of in names.items())
    terminal.hint(f"{len(programs)} program{'s' * (len(programs) != 1)}: {', '.join(counts)}.")


def _read_folder(folder: Path, language: str | None, entry: str | None) -> list[BatchEntry]:
    if folder.is_file():
        raise UsageError(f"{folder} is neither a folder nor a CSV file: `precieux submit` sends one program.")
    paths = [path for path in files.list_folder(folder) if not path.name.startswith(".")]
    entries, skipped = [], []
    for path in sorted(paths, key=lambda path: natural_key(path.name)):
        try:
            entries.append(BatchEntry(path.name, _read(path, language, entry)))
        except NoProgram:
            skipped.append(path.name)
    if not entries:
        raise UsageError(f"{folder} has no programs: put a file or folder for each into it, or give --language.")
    if skipped:
        terminal.hint(f"Skipped, because it is not clear what to run: {terminal.some(skipped)}.")
    return entries


def _read_csv(path: Path, language: str | None, entry: str | None) -> list[BatchEntry]:
    table = csv.DictReader(io.StringIO(files.read_text(path).removeprefix("\ufeff"), newline=""))
    try:
        columns, rows = table.fieldnames or (), [(table.line_num, row) for row in table]
    except csv.Error as exc:
        raise UsageError(f"{path}, line {table.line_num}: {exc}.") from exc
    unknown = [column for column in columns if column not in _COLUMNS]
    if "path" not in columns or unknown:
        wrong = f"has a column that is not known, {unknown[0][:50]}" if "path" in columns else "needs the column path"
        raise UsageError(
            f"{path} {wrong}. The columns are {', '.join(_COLUMNS)}; commas separate them."
            f" Its first line is: {','.join(columns)[:200]}"
        )
    if not rows:
        raise UsageError(f"{path} has no programs: write a line for each below the first line.")
    return [_read_row(row, f"{path}, line {number}", path.parent, language, entry) for number, row in rows]


def _read_row(row: dict[str, str], place: str, folder: Path, language: str | None, entry: str | None) -> BatchEntry:
    if None in row:
        raise UsageError(f"{place}: it has more cells than there are columns.")
    if not row["path"]:
        raise UsageError(f"{place}: its path is missing.")
    try:
        program = _read(folder / row["path"], row.get("language") or language, entry)
    except UsageError as exc:
        raise UsageError(f"{place}: {exc}") from exc
    return BatchEntry(row.get("name") or row["path"], program, row.get("email") or None, row.get("stdin") or None)


def _read(path: Path, language: str | None, entry: str | None) -> ProgramFiles:
    """Return a program. `entry` counts in folders only: a single file is what is run."""
    return read_program([path], entry=entry if path.is_dir() else None, language=language)


def result_row(
    name: str, submission: Submission | None, student: Mapping[str, str | None], state: str = ""
) -> dict[str, Any]:
    """Return the row of a result, with these columns of a student. `state` is that of no submission."""
    run = submission.run if submission else None
    values = (submission.id, submission.state, submission.verdict) if submission else (None, state, None)
    measured = run and (run.points_awarded, run.points, run.cpu_s and round(run.cpu_s, 6), run.memory_bytes)
    result = dict(zip(_RESULTS, (name, *values, *(measured or [None] * 4)), strict=True))
    return result | {column: student.get(column) for column in _OF_STUDENTS}


def _as_csv(rows: Sequence[dict[str, Any]]) -> str:
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow((*_RESULTS, *_OF_STUDENTS))
    for row in rows:
        writer.writerow(text_cell(value) if isinstance(value, str) else value for value in row.values())
    return table.getvalue()
