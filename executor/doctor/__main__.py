"""`python -m executor.doctor`: tries to break out of the sandbox on this host. It tells what held, by what, what to
change for the rest, and in which languages programs run.
"""

import asyncio
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from executor.catalogue import find_installed
from executor.doctor import probes, remedies
from executor.doctor.facts import read_facts
from executor.host import find_mechanisms
from executor.sandbox.base import SandboxFailure
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.sandbox.link import Mechanisms
from executor.settings import ExecutorSettings
from shared.errors import ConfigurationError
from shared.logging import LogSettings, configure_logging
from shared.settings import load
from shared.stop_signals import INTERRUPTED


@dataclass(frozen=True)
class Row:
    guarantee: str
    held: bool
    essential: bool
    mechanism: str
    remedy: str


@dataclass(frozen=True)
class Tool:
    """A language by its code and its name, and the version of its compiler or interpreter."""

    language: str
    name: str
    version: str | None


@dataclass(frozen=True)
class Report:
    """`serves` tells whether the executor would serve, `reason` why no sandbox can be raised at all."""

    serves: bool
    runs_as: str
    bubblewrap: str | None
    rows: list[Row]
    reason: str = ""
    remedy: str = ""
    languages: list[Tool] = field(default_factory=list)


async def examine(settings: ExecutorSettings, start: str = remedies.Facts.start) -> Report:
    """Return the report; its remedies say how to start the executor by the command `start`."""
    try:
        mechanisms = find_mechanisms(settings)
    except ConfigurationError as exc:
        return Report(False, "nobody yet", None, [], str(exc), "")
    runs_as = _runs_as(mechanisms)
    bubblewrap = str(mechanisms.bubblewrap)
    if mechanisms.why_bubblewrap:
        bubblewrap += f" ({mechanisms.why_bubblewrap})"
    sandbox = BubblewrapSandbox(mechanisms)
    try:
        await sandbox.start()
        findings = await probes.probe(sandbox, settings.executor_slots)
        installed = await find_installed(sandbox, settings.executor_slots)
    except SandboxFailure as exc:
        remedy = remedies.remedy(read_facts(mechanisms))
        return Report(False, runs_as, bubblewrap, [], str(exc), remedy)
    finally:
        await sandbox.aclose()
    facts = replace(read_facts(mechanisms), start=start)
    rows = [_row(finding, mechanisms, facts) for finding in findings]
    is_kept_in = all(row.held for row in rows if row.essential)
    serves = is_kept_in or settings.executor_unsafe_serve_without_isolation
    remedy = "" if is_kept_in else remedies.remedy(facts)
    described = (one.describe(settings.default_memory_limit) for one in installed.values())
    tools = [Tool(one.language, one.name or one.language, one.version) for one in described]
    return Report(serves, runs_as, bubblewrap, rows, remedy=remedy, languages=tools)


def _runs_as(mechanisms: Mechanisms) -> str:
    if mechanisms.privileged:
        return "root, programs as users of their own"
    if mechanisms.subordinates:
        return "an ordinary user, programs as users of their own (newuidmap)"
    return f"an ordinary user, whom all programs share ({mechanisms.why_shared})"


def _row(finding: probes.Finding, mechanisms: Mechanisms, facts: remedies.Facts) -> Row:
    by_cgroup = f"cgroup v{mechanisms.cgroups.version}" if mechanisms.cgroups else None
    mechanism, remedy = _MECHANISMS[finding.guarantee.partition(",")[0]], ""
    if mechanism in _SAMPLED:
        mechanism = by_cgroup or _SAMPLED[mechanism]
        if why := mechanisms.why_sampled:
            how_to_count = remedies.remedy_for_cgroups(why.cause, facts)
            remedy = f"Sampled, so late by a moment ({why}). {how_to_count}"
    if not finding.held:
        remedy = finding.detail
        if finding.guarantee == probes.MAY_MAKE_CODE:
            remedy = f"{remedy}. {remedies.remedy_for_code(facts)}"
    return Row(finding.guarantee, finding.held, finding.essential, mechanism, remedy)


#: By what each guarantee holds; keys are guarantees up to their first comma.
_MECHANISMS = {
    "the host's files are out of sight": "bubblewrap's root, mount namespace",
    "the system cannot be written": "read-only mounts",
    "other processes are out of sight": "pid namespace, /proc with hidepid",
    "no user": "user namespace, no capabilities, no_new_privs",
    "the kernel's dangerous calls are refused": "seccomp, list of allowed calls",
    "no new namespaces": "seccomp",
    "no network": "network namespace",
    "no crash starts a program of the host": "RLIMIT_CORE of 1",
    "nothing of the host's environment": "fixed environment, closed descriptors",
    "CPU time is limited": "cpu",
    "elapsed time is limited": "clock of the keeper, less waiting for a processor",
    "memory is limited": "memory",
    "processes are limited": "RLIMIT_NPROC in the user namespace",
    "files are limited": "size of the tmpfs",
    "output is limited": "counted while reading",
    "nothing outlives a run": "end of the pid namespace",
    probes.MAY_MAKE_CODE: "memory that is written and executed",
}
_SAMPLED = {"cpu": "sampling /proc, RLIMIT_CPU per process", "memory": "sampling the tree's memory in /proc"}


def show(report: Report, console: Console) -> None:
    console.print(f"Runs as {report.runs_as}; bubblewrap: {report.bubblewrap or 'none'}.", soft_wrap=True)
    if report.rows:
        table = Table("Guarantee", "Held", "By", box=None, pad_edge=False, header_style="bold")
        for row in report.rows:
            table.add_row(row.guarantee, "[green]yes[/]" if row.held else "[bold red]NO[/]", row.mechanism)
        console.print(table)
    for remedy in dict.fromkeys(row.remedy for row in report.rows if row.remedy):
        concerned = "; ".join(row.guarantee for row in report.rows if row.remedy == remedy)
        _print_whole(console, f"{concerned}: {remedy}")
    for line in (report.reason, report.remedy):
        if line:
            _print_whole(console, line, style="red")
    if report.languages:
        told = (" ".join(filter(None, (tool.name, tool.version))) for tool in report.languages)
        console.print(f"Languages: {', '.join(told)}.", markup=False, highlight=False)
    console.print("The executor serves here." if report.serves else "[bold red]The executor refuses to serve here.[/]")


def _print_whole(console: Console, line: str, style: str | None = None) -> None:
    """Print without breaking the line, because there may be a command in it to copy."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    start: Annotated[
        str, typer.Option(metavar="COMMAND", help="What starts the executor here, for the commands that are advised.")
    ] = remedies.Facts.start,
) -> None:
    """Tell whether this machine can run programs safely, by what, and in which languages.

    The exit code is 0 if the executor would serve, and 1 if it would refuse.
    """
    try:
        settings = load(ExecutorSettings)
        configure_logging("doctor", LogSettings(log_level="ERROR"))
        report = asyncio.run(examine(settings, start))
    except ConfigurationError as exc:
        report = Report(False, "nobody yet", None, [], str(exc))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    else:
        show(report, Console())
    raise typer.Exit(0 if report.serves else 1)


if __name__ == "__main__":
    app = typer.Typer(
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(main)
    app(prog_name="python -m executor.doctor")
