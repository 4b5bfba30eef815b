"""`python -m executor.doctor`: tries to break out of the sandbox on this host, and reports the result.

The report says which guarantees held and by which mechanism, what to change for the others, and which languages run.
"""

import asyncio
import json
from dataclasses import asdict, dataclass, field, replace

import click
from rich.console import Console
from rich.table import Table

from executor.catalogue.chosen import Chosen, find_chosen
from executor.catalogue.find import examine as examine_languages
from executor.doctor import language_check, probes, remedies
from executor.doctor.facts import read_facts
from executor.host import TooFewIds, find_mechanisms, fit_to_host
from executor.pipeline.run import Pipeline
from executor.sandbox.base import BoundedSandbox, SandboxFailure
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.sandbox.wall.mechanisms import Mechanisms
from executor.settings import ExecutorSettings
from executor.unit_tests import jvm
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import load
from shared.common.service.stop_signals import INTERRUPTED
from shared.engine_api.languages import NAMES

_MAX_REASON_CHARS = 300


@dataclass(frozen=True)
class Row:
    guarantee: str
    held: bool
    essential: bool
    mechanism: str
    remedy: str


@dataclass(frozen=True)
class Tool:
    """A language's code and name, and the version of its compiler or interpreter."""

    language: str
    name: str
    version: str | None


@dataclass(frozen=True)
class Broken:
    """A language that is installed and does not work, and what its compiler or interpreter wrote."""

    language: str
    name: str
    reason: str


@dataclass(frozen=True)
class DoctorReport:
    """`serves` is True if the executor would serve. `reason` says why the sandbox does not start, if it does not.

    `libraries` are those of each language, with their versions. `broken_libraries` says why programs cannot import a
    library. `missing_frameworks` say how to install what unit tests of a language need.
    """

    serves: bool
    runs_as: str
    bubblewrap: str | None
    rows: list[Row]
    reason: str = ""
    remedy: str = ""
    languages: list[Tool] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    libraries: dict[str, list[str]] = field(default_factory=dict)
    broken_libraries: dict[str, str] = field(default_factory=dict)
    missing_frameworks: list[str] = field(default_factory=list)


async def examine(settings: ExecutorSettings, mechanisms: Mechanisms, chosen: Chosen, start: str) -> DoctorReport:
    """Return the report. Its remedies contain the command `start`, which starts the executor."""
    runs_as = _runs_as(mechanisms)
    bubblewrap = str(mechanisms.bubblewrap)
    if mechanisms.why_bubblewrap:
        bubblewrap += f" ({mechanisms.why_bubblewrap})"
    sandbox = BubblewrapSandbox(mechanisms)
    try:
        await sandbox.start()
        findings = await probes.probe(sandbox, settings.executor_slots)
        installed, why_broken = await examine_languages(sandbox, settings.executor_slots, chosen)
        bounded = BoundedSandbox(sandbox, settings.executor_slots)
        why_broken |= await language_check.faults(Pipeline(bounded, settings), installed)
    except SandboxFailure as exc:
        remedy = remedies.remedy(read_facts(mechanisms))
        return DoctorReport(False, runs_as, bubblewrap, [], str(exc), remedy)
    finally:
        await sandbox.aclose()
    facts = replace(read_facts(mechanisms), start=start)
    rows = [_row(finding, mechanisms, facts) for finding in findings]
    is_isolated = all(row.held for row in rows if row.essential)
    serves = is_isolated or settings.executor_unsafe_serve_without_isolation
    remedy = "" if is_isolated else remedies.remedy(facts)
    tools = [Tool(code, tool.name, tool.version) for code, tool in installed.items() if code not in why_broken]
    names = {each.code: each.name for tool in installed.values() for each in (tool, *tool.others)}
    broken = [Broken(code, names.get(code) or NAMES.get(code, code), reason) for code, reason in why_broken.items()]
    packages = {tool.language.title: tool.libraries for tool in installed.values() if tool.libraries}
    return DoctorReport(
        serves,
        runs_as,
        bubblewrap,
        rows,
        remedy=remedy,
        languages=tools,
        broken=broken,
        libraries={
            language: [f"{package.name} {package.version}" for package in chosen if not package.fault]
            for language, chosen in packages.items()
        },
        broken_libraries={
            package.name: package.fault for chosen in packages.values() for package in chosen if package.fault
        },
        missing_frameworks=(
            [f"Unit tests in Java need JUnit: {jvm.INSTALL}"] if "java" in installed and not jvm.version() else []
        ),
    )


def _runs_as(mechanisms: Mechanisms) -> str:
    if mechanisms.privileged:
        return "root, each program as a separate user"
    if mechanisms.subordinates:
        return "an ordinary user, each program as a separate user (newuidmap)"
    return f"an ordinary user, as do all programs ({mechanisms.why_shared})"


def _row(finding: probes.ProbeResult, mechanisms: Mechanisms, facts: remedies.Facts) -> Row:
    mechanism, remedy = finding.mechanism, ""
    if finding.better_by_cgroup:
        if mechanisms.cgroups:
            mechanism = f"cgroup v{mechanisms.cgroups.version}"
        if why := mechanisms.why_sampled:
            remedy = f"Sampled, so a moment late ({why}). {remedies.remedy_for_cgroups(why.cause, facts)}"
    if not finding.held:
        remedy = finding.detail
        if finding.guarantee == probes.MAY_MAKE_CODE:
            remedy = f"{remedy}. {remedies.remedy_for_code(facts)}"
    return Row(finding.guarantee, finding.held, finding.essential, mechanism, remedy)


def show(report: DoctorReport, console: Console) -> None:
    _print_whole(console, f"Runs as {report.runs_as}; bubblewrap: {report.bubblewrap or 'none'}.")
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
        languages = (" ".join(filter(None, (tool.name, tool.version))) for tool in report.languages)
        console.print(f"Languages: {', '.join(languages)}.", markup=False, highlight=False)
    for language, names in report.libraries.items():
        console.print(f"Libraries of {language}: {', '.join(names)}.", markup=False, highlight=False)
    for library, fault in report.broken_libraries.items():
        reason = " ".join(fault.split())[-_MAX_REASON_CHARS:]
        _print_whole(console, f"{library} is installed, and programs cannot import it: {reason}", style="red")
    for sentence in report.missing_frameworks:
        _print_whole(console, sentence)
    for broken in report.broken:
        reason = " ".join(broken.reason.split())[:_MAX_REASON_CHARS]
        _print_whole(console, f"{broken.name} is installed and does not work: {reason}", style="red")
    console.print("The executor serves here." if report.serves else "[bold red]The executor refuses to serve here.[/]")


def _print_whole(console: Console, line: str, style: str | None = None) -> None:
    """Print the line unbroken, because it may contain a command to copy."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--start",
    metavar="COMMAND",
    default=remedies.Facts.start,
    help="The command that starts the executor here, for use in remedies.",
)
def main(as_json: bool, start: str) -> None:
    """Check whether this machine can run programs safely, by which mechanisms, and in which languages.

    The exit code is 0 if the executor would serve, and 1 if it would refuse.
    """
    try:
        settings = load(ExecutorSettings)
        configure_logging("doctor", LogSettings(log_level="ERROR"))
        chosen = find_chosen(settings)
        # Outside of the event loop, which would hold an interrupt back until it is done.
        mechanisms = find_mechanisms(settings, chosen.folders)
        settings = fit_to_host(settings, mechanisms)
        report = asyncio.run(examine(settings, mechanisms, chosen, start))
    except TooFewIds as exc:
        report = DoctorReport(False, "root", None, [], f"{exc}.", remedies.REMEDY_FOR_IDS)
    except ConfigurationError as exc:
        report = DoctorReport(False, "an unknown user", None, [], str(exc))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        show(report, Console())
    raise SystemExit(0 if report.serves else 1)


if __name__ == "__main__":
    main(prog_name="python -m executor.doctor")
