"""`precieux batch`: runs the programs of a folder or of a CSV file, with a progress bar and a CSV of the results."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from precieux.commands.batch_class import ClassOptions, HowToRun, grade_class
from precieux.commands.batch_files import (
    check_writable,
    read_entries,
    result_row,
    say_chosen,
    say_verdicts,
    write_rows,
)
from precieux.commands.batch_run import body_of, run_all
from precieux.commands.candidates import CandidateOptions, run_candidates
from precieux.commands.options import Entry, Json, Metadata, given_options, on_server
from precieux.commands.parameters import JudgeOptions, LimitOptions, metadata_of
from precieux.commands.unit_tests import JUnitXml, write_junit
from precieux.errors import UsageError
from precieux.host import files
from precieux.installation.server import Server

#: Tests of a program that may reach the time limit before the others are left out.
_MAX_TIME_LIMITS: Final = 2


@on_server
def batch(
    server: Server,
    path: Annotated[Path, typer.Argument(help="A folder with a file or folder for each program, or a CSV file.")],
    language: Annotated[str | None, typer.Option(help="Their language. Default: by the extensions.")] = None,
    entry: Entry = None,
    email: Annotated[str | None, typer.Option(help="Where the results are mailed. Default: nowhere.")] = None,
    digest: Annotated[bool, typer.Option("--digest", help="Send one mail for all instead of one each.")] = False,
    *,
    judge: JudgeOptions,
    junit_xml: JUnitXml = None,
    limits: LimitOptions,
    of_class: ClassOptions,
    of_candidates: CandidateOptions,
    stop_at_first_failure: Annotated[
        bool, typer.Option("--stop-at-first-failure", help="Do not run the tests after one that fails.")
    ] = False,
    all_tests: Annotated[
        bool, typer.Option("--all-tests", help="Run the other tests also after two that reach the time limit.")
    ] = False,
    metadata: Metadata = None,
    output: Annotated[Path | None, typer.Option(help="File for the results, as CSV. Default: standard output.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Run the same programs once more.")] = False,
    as_json: Json = False,
) -> None:
    """Run many programs, and write their results as CSV. Exit code 1 if a result is bad.

    Ctrl-C does not stop the programs. The same command then follows them, and runs none twice.
    """
    cases, texts = judge.cases(), metadata_of(metadata)
    stop_after = None if all_tests or judge.problem or not cases else _MAX_TIME_LIMITS
    shared: dict[str, Any] = {"tests": cases, "problem": judge.problem, "limits": limits.read(), **judge.judges()}
    shared |= {"stop_at_first_failure": stop_at_first_failure, "stop_after_time_limits": stop_after}
    shared = {name: value for name, value in shared.items() if value}
    check_writable(None if output == files.STDIN else output)
    is_file = path == files.STDIN or path.suffix.lower() == ".jsonl"
    wrong = given_options(of_class if is_file else of_candidates)
    if wrong:
        of, other = ("a class", "a file of candidates") if is_file else ("a file of candidates", "a class")
        raise UsageError(f"{wrong[0]} is for {of}, and {path.name} is {other}.")
    if is_file and junit_xml:
        raise UsageError(f"--junit-xml is for a class or a folder, and {path.name} is a file of candidates.")
    if is_file:
        defaults = shared | ({"language": language} if language else {})
        raise typer.Exit(run_candidates(server, path, of_candidates, defaults, output))
    api = server.connect()
    if judge.problem and "@" not in judge.problem and not of_class.dry_run:
        # A mended problem then makes another batch.
        shared["problem"] = f"{judge.problem}@{api.problem(judge.problem).version}"
    how = HowToRun(language, entry, email, digest, again, shared, texts, junit_xml, output, as_json)
    code = grade_class(server, path, of_class, how)
    if code is not None:
        raise typer.Exit(code)
    entries = [replace(one, email=one.email or email) for one in read_entries(path, language, entry)]
    most = api.limits()
    if entry is None:
        say_chosen(entries)
    bodies = [body_of(one.program, one.name, one.email, texts, one.stdin) for one in entries]
    client, names = server.connect(patient=True), [one.name for one in entries]
    ran, _ = run_all(client, most, bodies, shared, again=again, names=names, digest=digest)
    submissions = list(ran.values())
    found = zip(entries, submissions, strict=True)
    rows = [result_row(one.name, each, {"student": one.name, "email": one.email}) for one, each in found]
    write_rows(rows, output, as_json=as_json)
    write_junit(client, submissions, names, junit_xml)
    say_verdicts(names, submissions)
    raise typer.Exit(0 if all(one.passed for one in submissions) else 1)
