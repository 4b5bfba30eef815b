"""`precieux batch`: runs the programs of a folder or of a CSV file, with a progress bar and a CSV of the results."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from precieux.commands.batch_class import ClassOptions, HowToRun, grade_class
from precieux.commands.batch_files import (
    BatchEntry,
    check_writable,
    read_entries,
    result_row,
    say_chosen,
    say_verdicts,
    write_rows,
)
from precieux.commands.batch_run import run_all
from precieux.commands.candidates import CandidateOptions, run_candidates
from precieux.commands.options import Entry, Json, Metadata, given_options, on_server
from precieux.commands.parameters import JudgeOptions, LimitOptions, metadata_of
from precieux.commands.unit_tests import JUnitXml, write_junit
from precieux.errors import UsageError
from precieux.host import files
from precieux.installation.server import Server
from precieux_client import SubmissionParameters

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
    cases, limits_of_all, texts, judges = judge.cases(), limits.read(), metadata_of(metadata), judge.judges()
    stop_after = None if all_tests or judge.problem or not cases else _MAX_TIME_LIMITS
    check_writable(None if output == files.STDIN else output)
    is_file = path == files.STDIN or path.suffix.lower() == ".jsonl"
    wrong = given_options(of_class if is_file else of_candidates)
    if wrong:
        of, other = ("a class", "a file of candidates") if is_file else ("a file of candidates", "a class")
        raise UsageError(f"{wrong[0]} is for {of}, and {path.name} is {other}.")
    if is_file and junit_xml:
        raise UsageError(f"--junit-xml is for a class or a folder, and {path.name} is a file of candidates.")
    if is_file:
        chosen: dict[str, Any] = {
            "tests": cases,
            "problem": judge.problem,
            "limits": limits_of_all,
            "language": language,
        }
        chosen |= judges.by_key
        chosen |= {"stop_at_first_failure": stop_at_first_failure, "stop_after_time_limits": stop_after}
        defaults = {name: value for name, value in chosen.items() if value}
        raise typer.Exit(run_candidates(server, path, of_candidates, defaults, output))
    api, problem = server.connect(), judge.problem
    if problem and "@" not in problem and not of_class.dry_run:
        # A mended problem then makes another batch.
        problem = f"{problem}@{api.problem(problem).version}"
    common = SubmissionParameters(language="", tests=cases, problem=problem, limits=limits_of_all, metadata=texts)
    if stop_at_first_failure:
        common["stop_at_first_failure"] = True
    if stop_after:
        common["stop_after_time_limits"] = stop_after
    how = HowToRun(language, entry, email, digest, again, common, judges, junit_xml)
    code = grade_class(server, path, of_class, how, output, as_json=as_json)
    if code is not None:
        raise typer.Exit(code)
    entries = [replace(one, email=one.email or email) for one in read_entries(path, language, entry)]
    if entry is None:
        say_chosen(entries)
    bodies, names = [_body(one, common) for one in entries], [one.name for one in entries]
    client = server.connect(patient=True)
    ran, _ = run_all(client, bodies, judges.by_key, again=again, names=names, digest=digest)
    submissions = list(ran.values())
    rows = (result_row(one.name, ran[number], one.name, one.email) for number, one in enumerate(entries))
    write_rows(list(rows), output, as_json=as_json)
    write_junit(client, submissions, names, junit_xml)
    say_verdicts(names, submissions)
    raise typer.Exit(0 if all(one.passed for one in submissions) else 1)


def _body(entry: BatchEntry, common: SubmissionParameters) -> SubmissionParameters:
    return {
        **common,
        "language": entry.program.language,
        "files": entry.program.files,
        "entry": entry.program.entry,
        "stdin": entry.stdin,
        "email": entry.email,
        "metadata": {"name": entry.name[:500], **(common["metadata"] or {})},
    }
