"""`precieux problem`: stores packages as problems, and checks, shows, downloads and deletes them."""

import math
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

import typer

from precieux import terminal
from precieux.commands import show
from precieux.commands.options import Json, on_server
from precieux.commands.parameters import byte_count
from precieux.errors import UsageError
from precieux.host import files
from precieux.installation.server import Server
from precieux.programs.package import read_package
from precieux_client import Problem, ProblemCheck, ProblemLimits, ProblemSettings

app = typer.Typer(help="Store packages as problems; check, show, download and delete them.", no_args_is_help=True)

#: The most seconds for which one answer waits.
_WAIT_S: Final = 60

Name = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The problem, or one version of it.")]


@app.command()
@on_server
def push(
    server: Server,
    path: Annotated[Path, typer.Argument(metavar="DIR|ZIP", help="The package: a folder, or a zip.")],
    name: Annotated[str | None, typer.Option(help="Its name. Default: that of the folder or the zip.")] = None,
    limit: Annotated[
        list[str] | None, typer.Option(metavar="LIMIT=N", help="In place of the package's, such as cpu_s=2.")
    ] = None,
    language_limit: Annotated[
        list[str] | None, typer.Option(metavar="LANGUAGE:LIMIT=N", help="Of one language, such as py:cpu_s=6.")
    ] = None,
    share: Annotated[bool, typer.Option("--share", help="Let other keys see it and submit to it.")] = False,
    as_json: Json = False,
) -> None:
    """Store a package as a problem, or as the next version of one."""
    settings = ProblemSettings()
    if limit:
        settings["limits"] = _limits(limit)
    if language_limit:
        by_language: dict[str, list[str]] = {}
        for text in language_limit:
            language, _, one = text.partition(":")
            by_language.setdefault(language, []).append(one)
        settings["language_limits"] = {language: _limits(each) for language, each in by_language.items()}
    if share:
        settings["visibility"] = "shared"
    package = read_package(path)
    of_path = path.resolve().name if path.is_dir() else path.stem
    problem = server.connect().push_problem(name or of_path.lower(), package, **settings)
    show.end_with_json(problem, as_json)
    terminal.say(f"{problem.name}@{problem.version}")
    _warn(problem)


@app.command("list")
@on_server
def list_problems(server: Server, as_json: Json = False) -> None:
    """List the problems of this key, and those that others share."""
    listed = list(server.connect().problems())
    show.end_with_json(listed, as_json)
    rows = [(each.name, each.version, each.title, each.visibility, _tests(each), each.limits.cpu_s) for each in listed]
    terminal.show_table(("name", "version", "title", "visibility", "tests", "CPU s"), rows, whole={"name"})


@app.command("show")
@on_server
def show_problem(server: Server, name: Name, as_json: Json = False) -> None:
    """Show a problem."""
    name, version = _named(name)
    problem = server.connect().problem(name, version=version)
    show.end_with_json(problem, as_json)
    limits = problem.limits
    memory = (limits.memory_bytes or 0) >> 20
    rows = [
        ("title", problem.title),
        ("version", f"{problem.version} of {problem.versions}"),
        ("format", f"{problem.format}, {', '.join(problem.type)}"),
        ("visibility", problem.visibility),
        ("limits", f"{limits.cpu_s:g} s of CPU ({problem.time_limit_from}), {memory} MiB of memory"),
        *((f"limits of {language}", _shown(limits)) for language, limits in problem.language_limits.items()),
        ("tests", _tests(problem)),
        ("points", problem.points),
        ("languages", "all" if problem.languages is None else ", ".join(problem.languages)),
        ("created", terminal.long_date(problem.created_at)),
    ]
    terminal.show_table(("", ""), rows)
    _warn(problem)


@app.command()
@on_server
def check(
    server: Server,
    name: Name,
    email: Annotated[str | None, typer.Option(help="The address that the report is mailed to.")] = None,
    as_json: Json = False,
) -> None:
    """Run the validators and the jury's submissions of a package, and wait for the end. Exit with 1 if it failed."""
    name, version = _named(name)
    api = server.connect()
    result = api.check_problem(name, version=version, email=email, wait=_WAIT_S)
    checked_version = int(result.problem.rpartition("@")[2])
    while result.state != "finished":
        result = api.checks(name, version=checked_version, wait=_WAIT_S)
    if as_json:
        terminal.say_json(show.plain(result))
    else:
        _show_check(result)
    if result.verdict != "passed":
        raise typer.Exit(1)


@app.command()
@on_server
def package(
    server: Server,
    name: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file that the zip is written to.")],
    as_json: Json = False,
) -> None:
    """Download a package, as it was sent."""
    name, version = _named(name)
    content = server.connect().package(name, version=version)
    files.write(output, content)
    done = {"name": name, "file": str(output), "size_bytes": len(content)}
    terminal.say_done(f"{output}: {len(content)} bytes", done, as_json=as_json)


@app.command()
@on_server
def delete(server: Server, name: Name, as_json: Json = False) -> None:
    """Delete a problem, or one version of it. What was submitted to it stays, and cannot be run again."""
    sentence = f"{name} is deleted."
    name, version = _named(name)
    server.connect().delete_problem(name, version=version)
    terminal.say_done(sentence, {"name": name, "version": version, "done": sentence}, as_json=as_json)


def _show_check(result: ProblemCheck) -> None:
    terminal.say(f"{result.problem}: {result.verdict}")
    if result.time_limit:
        terminal.say(f"The time limit is {result.time_limit['cpu_s']:g} s ({result.time_limit['from']}).")
    for fault in result.data:
        terminal.say(f"{fault.path or 'the package'}: {fault.detail}")
    ordered = sorted(result.submissions, key=lambda entry: entry.result != "unexpected")
    rows = [
        (
            entry.path.removeprefix("submissions/"),
            " ".join(entry.expected),
            entry.verdict,
            entry.slowest_s,
            entry.result,
            entry.detail,
        )
        for entry in ordered
    ]
    terminal.show_table(("submission", "expected", "got", "slowest s", "result", ""), rows, whole={"submission"})


def _named(text: str) -> tuple[str, int | None]:
    """Return the name and the version of `NAME[@VERSION]`."""
    name, at, version = text.partition("@")
    if at and not version.isdecimal():
        raise UsageError(f"{text}: write it as NAME or NAME@VERSION, such as sum@3.")
    return name, int(version) if at else None


def _limits(texts: Iterable[str]) -> ProblemLimits:
    """Return the limits of options such as `cpu_s=2`."""
    values: dict[str, float | int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            values[name] = float(number) if name in ("cpu_s", "wall_s") else byte_count(number, min_bytes=1)
            if not math.isfinite(values[name]):
                raise ValueError
        except (ValueError, typer.BadParameter):
            raise UsageError(f"{text}: write a limit as NAME=NUMBER, such as cpu_s=2 or memory_bytes=256M.") from None
    try:
        return ProblemLimits(**values)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{', '.join(values)}: a limit is cpu_s, wall_s, memory_bytes or output_bytes.") from None


def _shown(limits: ProblemLimits) -> str:
    """Return limits as --limit takes them, without those of the problem."""
    values = {field.name: getattr(limits, field.name) for field in fields(limits)}
    return ", ".join(f"{name}={value:.12g}" for name, value in values.items() if value is not None)


def _tests(problem: Problem) -> str:
    return f"{problem.tests.sample} shown, {problem.tests.secret} secret"


def _warn(problem: Problem) -> None:
    for warning in problem.warnings or ():
        terminal.hint(f"Warning: {warning.path or 'the package'}: {warning.detail}")
