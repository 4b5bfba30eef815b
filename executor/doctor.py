"""`python -m executor.doctor`: tries to break out of the sandbox on this host, and tells what held, by what, and what
to change for the rest. `--json` for programs. Exit code 0 when the executor would serve, 1 when it would refuse.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from executor import host_facts, obstacles, probes
from executor.mechanisms import find_mechanisms
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
class Report:
    """`serves` tells whether `python -m executor` would; `reason` why no sandbox can be raised at all."""

    serves: bool
    runs_as: str
    bubblewrap: str | None
    rows: list[Row]
    reason: str = ""
    remedy: str = ""


async def examine(settings: ExecutorSettings) -> Report:
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
    except SandboxFailure as exc:
        remedy = obstacles.remedy(host_facts.read(mechanisms))
        return Report(False, runs_as, bubblewrap, [], str(exc), remedy)
    finally:
        await sandbox.aclose()
    facts = host_facts.read(mechanisms)
    rows = [_row(finding, mechanisms, facts) for finding in findings]
    is_kept_in = all(row.held for row in rows if row.essential)
    serves = is_kept_in or settings.executor_unsafe_serve_without_isolation
    remedy = "" if is_kept_in else obstacles.remedy(facts)
    return Report(serves, runs_as, bubblewrap, rows, remedy=remedy)


def _runs_as(mechanisms: Mechanisms) -> str:
    if mechanisms.privileged:
        return "root, programs as users of their own"
    if mechanisms.subordinates:
        return "an ordinary user, programs as users of their own (newuidmap)"
    return f"an ordinary user, whom all programs share ({mechanisms.why_shared})"


def _row(finding: probes.Finding, mechanisms: Mechanisms, facts: obstacles.Facts) -> Row:
    by_cgroup = f"cgroup v{mechanisms.cgroups.version}" if mechanisms.cgroups else None
    mechanism, remedy = _MECHANISMS[finding.guarantee.partition(",")[0]], ""
    if mechanism in _SAMPLED:
        mechanism = by_cgroup or _SAMPLED[mechanism]
        if why := mechanisms.why_sampled:
            how_to_count = obstacles.remedy_for_cgroups(why.cause, facts)
            remedy = f"Sampled, so late by a moment ({why}). {how_to_count}"
    if not finding.held:
        remedy = finding.detail
        if finding.guarantee == probes.MAY_MAKE_CODE:
            remedy = f"{remedy}. {obstacles.remedy_for_code(facts)}"
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
    console.print("The executor serves here." if report.serves else "[bold red]The executor refuses to serve here.[/]")


def _print_whole(console: Console, line: str, style: str | None = None) -> None:
    """Print without breaking the line, because there may be a command in it to copy."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def main(arguments: list[str]) -> int:
    try:
        settings = load(ExecutorSettings)
        configure_logging("doctor", LogSettings(log_level="ERROR"))
        report = asyncio.run(examine(settings))
    except ConfigurationError as exc:
        report = Report(False, "nobody yet", None, [], str(exc))
    except KeyboardInterrupt:
        return INTERRUPTED
    if "--json" in arguments:
        print(json.dumps(asdict(report), indent=2))  # noqa: T201
    else:
        show(report, Console())
    return 0 if report.serves else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
