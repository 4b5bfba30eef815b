"""`precieux batch`: runs the programs of a folder or of a CSV file, with a progress bar and a CSV of the results."""

import csv
import hashlib
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from precieux import terminal
from precieux.commands import show
from precieux.commands.options import DataDir, Json, Key, Test, Tests, Url
from precieux.errors import UsageError
from precieux.interrupts import stoppable
from precieux.programs import Program, read_program, read_tests, read_text
from precieux.server import connect
from precieux_client import DEFAULT_URL, Batch, Client, InvalidRequest, Submission, SubmissionParameters, TestCase
from shared.stop_signals import INTERRUPTED

#: The columns of a CSV file of programs. Only `path` is required; it is relative to the CSV file's folder.
_COLUMNS: Final = ("path", "name", "language", "email", "stdin")
#: Faults of a batch that are shown: a wrong option makes one for each program.
_SHOWN_FAULTS: Final = 5
_RESULTS: Final = ("name", "id", "state", "verdict", "points_awarded", "points", "cpu_s", "memory_bytes")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A program of the batch, under the name that its result has."""

    name: str
    program: Program
    email: str | None = None
    stdin: str | None = None


def batch(
    path: Annotated[Path, typer.Argument(help="A folder with a file or folder for each program, or a CSV file.")],
    language: Annotated[str | None, typer.Option(help="Their language. Default: by the extensions.")] = None,
    email: Annotated[str | None, typer.Option(help="Where the results are mailed. Default: nowhere.")] = None,
    digest: Annotated[bool, typer.Option("--digest", help="Send one mail for all instead of one each.")] = False,
    test: Test = None,
    tests: Tests = None,
    output: Annotated[Path | None, typer.Option(help="File for the results, as CSV. Default: standard output.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Run the same programs once more.")] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Run many programs, and write their results as CSV. Exit code 1 if a result is bad.

    After Ctrl-C the programs go on. The same command then follows them, and runs none twice.
    """
    entries = _read_csv(path, language) if path.suffix.lower() == ".csv" else _read_folder(path, language)
    entries = [replace(entry, email=entry.email or email) for entry in entries]
    cases = read_tests(test or [], tests)
    _check_writable(output)
    most = connect(url, key, data_dir).limits().max_batch
    client = connect(url, key, data_dir, patient=True)
    try:
        with stoppable():
            batches = list(_register(client, entries, cases, most=most, digest=digest, again=again))
            _follow(client, batches)
    except KeyboardInterrupt:
        terminal.hint("The programs go on: the same command follows them, and runs none twice.")
        raise typer.Exit(INTERRUPTED) from None
    numbers = [number for one in batches for number in client.get_batch(one.id).submissions]
    submissions = [client.get(number) for number in numbers]
    rows = [_row(entry, one) for entry, one in zip(entries, submissions, strict=True)]
    _write(rows, output, as_json=as_json)
    raise typer.Exit(0 if all(one.passed for one in submissions) else 1)


def _read_folder(folder: Path, language: str | None) -> list[_Entry]:
    if folder.is_file():
        raise UsageError(f"{folder} is neither a folder nor a CSV file: `precieux submit` sends one program.")
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as exc:
        raise UsageError(f"{folder} cannot be read: {exc.strerror}.") from exc
    if not paths:
        raise UsageError(f"{folder} is empty: put a file or folder for each program into it.")
    try:
        return [_Entry(path.name, read_program([path], language=language)) for path in paths]
    except UsageError as exc:
        raise UsageError(f"{str(exc).removesuffix('.')}, or keep only programs in {folder}.") from exc


def _read_csv(path: Path, language: str | None) -> list[_Entry]:
    table = csv.DictReader(io.StringIO(read_text(path).removeprefix("\ufeff"), newline=""))
    try:
        columns, rows = table.fieldnames or (), [(table.line_num, row) for row in table]
    except csv.Error as exc:
        raise UsageError(f"{path}, line {table.line_num}: {exc}.") from exc
    if "path" not in columns or set(columns) - set(_COLUMNS):
        raise UsageError(
            f"{path} needs the column path, and may have {', '.join(_COLUMNS[1:])}; commas separate them."
            f" Its first line is: {','.join(columns)[:200]}"
        )
    if not rows:
        raise UsageError(f"{path} has no programs: write a line for each below the first line.")
    return [_read_row(row, f"{path}, line {number}", path.parent, language) for number, row in rows]


def _read_row(row: dict[str, str], place: str, folder: Path, language: str | None) -> _Entry:
    if None in row:
        raise UsageError(f"{place}: it has more cells than there are columns.")
    if not row["path"]:
        raise UsageError(f"{place}: its path is missing.")
    try:
        program = read_program([folder / row["path"]], language=row.get("language") or language)
    except UsageError as exc:
        raise UsageError(f"{place}: {exc}") from exc
    return _Entry(row.get("name") or row["path"], program, row.get("email") or None, row.get("stdin") or None)


def _register(
    client: Client, entries: Sequence[_Entry], cases: Sequence[TestCase], *, most: int, digest: bool, again: bool
) -> Iterator[Batch]:
    """Register the programs, `most` in a batch. The same programs make the same batches."""
    for start in range(0, len(entries), most):
        part = entries[start : start + most]
        bodies = [_body(entry, cases) for entry in part]
        key = None if again else _key_of(bodies)
        try:
            created = client.create_batch(bodies, digest=digest, idempotency_key=key)
        except InvalidRequest as exc:
            done = f"The programs before {part[0].name} are registered, the others not." if start else ""
            raise UsageError(f"{done or 'Nothing was registered.'} {_with_names(exc, part)}") from exc
        yield created


def _with_names(error: InvalidRequest, entries: Sequence[_Entry]) -> str:
    """Return the faults of a batch in sentences, with the names of the programs instead of their numbers."""
    faults = []
    for fault in error.errors:
        found = re.fullmatch(r"/submissions/([0-9]+)/?(.*)", fault.pointer or "")
        place = f"{entries[int(found[1])].name}: {found[2]}".removesuffix(": ") if found else None
        faults.append(f"{place}: {fault.detail}" if place else str(fault))
    more = f" There are {len(faults) - _SHOWN_FAULTS} more faults." if len(faults) > _SHOWN_FAULTS else ""
    return f"{' '.join(faults[:_SHOWN_FAULTS]) or error}{more}"


def _body(entry: _Entry, cases: Sequence[TestCase]) -> SubmissionParameters:
    assert entry.program.language
    return {
        "language": entry.program.language,
        "files": entry.program.files,
        "entry": entry.program.entry,
        "stdin": entry.stdin,
        "tests": cases,
        "email": entry.email,
        "metadata": {"name": entry.name[:500]},
    }


def _key_of(bodies: Sequence[SubmissionParameters]) -> str:
    """Return an Idempotency-Key of the content. The server keeps it for a day."""
    text = json.dumps(show.plain(bodies), default=bytes.hex, sort_keys=True)
    return f"precieux-batch-{hashlib.sha256(text.encode()).hexdigest()}"


def _follow(client: Client, batches: Sequence[Batch]) -> None:
    """Show the progress until all batches have finished."""
    done = {one.id: one.done for one in batches}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not terminal.err.is_terminal
    with Progress(*columns, console=terminal.err, transient=True, disable=hidden) as progress:
        task = progress.add_task("Programs", total=sum(one.total for one in batches), completed=sum(done.values()))
        for one in batches:
            for event in client.batch_events(one.id):
                done[one.id] = int(event.data.get("done", done[one.id]))
                progress.update(task, completed=sum(done.values()))


def _row(entry: _Entry, submission: Submission) -> dict[str, Any]:
    run = submission.run
    values = (
        entry.name,
        submission.id,
        submission.state,
        submission.verdict,
        run and run.points_awarded,
        run and run.points,
        run and run.cpu_s and round(run.cpu_s, 6),
        run and run.memory_bytes,
    )
    return dict(zip(_RESULTS, values, strict=True))


def _check_writable(output: Path | None) -> None:
    """Raise `UsageError` if the results could not be written, before the programs run."""
    if output is None:
        return
    if output.is_dir() or not os.access(output if output.exists() else output.parent, os.W_OK):
        raise UsageError(f"{output} cannot be written: name a file in a folder that exists, and that you may write.")


def _write(rows: Sequence[dict[str, Any]], output: Path | None, *, as_json: bool) -> None:
    if as_json:
        text = json.dumps(rows, ensure_ascii=False) + "\n"
    else:
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, _RESULTS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
        text = table.getvalue()
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as exc:
        raise UsageError(f"{output} cannot be written: {exc.strerror}.") from exc
    terminal.hint(f"The results are in {output}.")


def _safe(value: Any) -> Any:
    """Return the value so that a spreadsheet takes no name for a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
