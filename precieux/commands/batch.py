"""`precieux batch`: runs the programs of a folder or of a CSV file, with a progress bar and a CSV of the results."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from precieux import terminal
from precieux.commands import batch_files
from precieux.commands.batch_class import ClassOptions, HowToRun, grade_class
from precieux.commands.batch_files import check_writable, read_entries, say_chosen, say_totals, write_results
from precieux.commands.batch_run import follow, interrupted, key_of, member_of
from precieux.commands.candidates import CandidateOptions, run_candidates
from precieux.commands.options import (
    Entry,
    Json,
    Metadata,
    given_options,
    on_server,
)
from precieux.commands.parameters import JudgeOptions, Judges, LimitOptions, metadata_of
from precieux.commands.unit_tests import JUnitXml, write_junit
from precieux.errors import UsageError
from precieux.host import files
from precieux.host.interrupts import stoppable
from precieux.installation.server import Server
from precieux_client import Batch, Client, InvalidRequest, SubmissionParameters
from shared.common.service.stop_signals import INTERRUPTED

#: Different faults of a batch that are shown.
_SHOWN_FAULTS: Final = 5
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
    bodies = [_body(one, common) for one in entries]
    max_batch = api.limits().max_batch
    if entry is None:
        say_chosen(entries)
    client = server.connect(patient=True)
    batches: list[Batch] = []
    try:
        with stoppable():
            batches.extend(_register(client, entries, bodies, judges, size=max_batch, digest=digest, again=again))
            follow(client, batches)
    except KeyboardInterrupt:
        terminal.hint(interrupted(sum(one.total for one in batches) == len(entries), again))
        raise typer.Exit(INTERRUPTED) from None
    numbers = [number for one in batches for number in client.get_batch(one.id).submissions]
    submissions = [client.get(number) for number in numbers]
    write_results(entries, submissions, output, as_json=as_json)
    write_junit(client, submissions, [one.name for one in entries], junit_xml)
    say_totals(entries, submissions)
    raise typer.Exit(0 if all(one.passed for one in submissions) else 1)


def _register(
    client: Client,
    entries: Sequence[batch_files.Entry],
    bodies: Sequence[SubmissionParameters],
    judges: Judges,
    *,
    size: int,
    digest: bool,
    again: bool,
) -> Iterator[Batch]:
    """Register the programs, `size` in a batch. The same programs make the same batches."""
    for start in range(0, len(entries), size):
        part, its_bodies = entries[start : start + size], bodies[start : start + size]
        key = None if again else key_of([its_bodies, judges])
        defaults = judges.by_key
        try:
            created = client.create_batch(its_bodies, defaults=defaults, digest=digest, idempotency_key=key)
        except InvalidRequest as exc:
            done = f"The programs before {part[0].name} are registered, the others not." if start else ""
            raise UsageError(f"{done or 'Nothing was registered.'} {_with_names(exc, part)}") from exc
        yield created


def _with_names(error: InvalidRequest, entries: Sequence[batch_files.Entry]) -> str:
    """Return the faults of a batch in sentences, with the names of the programs instead of their numbers.

    A fault that several programs have is said once.
    """
    programs: dict[str, list[str]] = {}
    for fault in error.errors:
        found = member_of(fault)
        text = f"{found[1]}: {fault.detail}".removeprefix(": ") if found else str(fault)
        programs.setdefault(text, []).extend([entries[found[0]].name] if found else [])
    faults = [f"{_first_of(names)}: {text}" if names else text for text, names in programs.items()]
    more = f" There are {len(faults) - _SHOWN_FAULTS} more faults." if len(faults) > _SHOWN_FAULTS else ""
    return f"{' '.join(faults[:_SHOWN_FAULTS]) or error}{more}"


def _first_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _body(entry: batch_files.Entry, common: SubmissionParameters) -> SubmissionParameters:
    return {
        **common,
        "language": entry.program.language,
        "files": entry.program.files,
        "entry": entry.program.entry,
        "stdin": entry.stdin,
        "email": entry.email,
        "metadata": {"name": entry.name[:500], **(common["metadata"] or {})},
    }
