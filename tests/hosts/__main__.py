"""`python -m tests.hosts` tests configurations in a virtual machine, and prints a table. See docs/hosts.md."""

import argparse
import datetime
import json
import math
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from tests.hosts import campaign, checkout, facts, page, table
from tests.hosts.architecture import ARCHITECTURES
from tests.hosts.configurations import CONFIGURATIONS
from tests.hosts.errors import HostsError
from tests.hosts.facts import Facts
from tests.hosts.image import find_or_build, folder_of_images
from tests.hosts.machine import running_machine
from tests.hosts.pace import measure_slowness
from tests.hosts.plan import choose, estimate_s, plan
from tests.hosts.progress import Progress
from tests.hosts.result import Result
from tests.hosts.store import Store, as_json
from tests.hosts.suites import SUITES


def main(arguments: Sequence[str]) -> int:
    """Return 0 if all was as expected, 1 if not, 2 if nothing could be run, and 130 if the run was stopped."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _as_interrupt)
    progress = Progress()
    try:
        if options.list:
            for one in choose(CONFIGURATIONS, options.only, options.suites):
                print(f"{one.name:28}{one.title:60}{' '.join(one.suites)}")
            return 0
        if options.markdown:
            page.check(options.markdown, options.architecture)
        return _show(options, *_run(options, progress))
    except HostsError as exc:
        progress.print(str(exc))
        return 2
    except KeyboardInterrupt:
        progress.print("stopped; the results so far are kept, and `--resume` continues")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make test-hosts", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="configurations; * matches any text")
    parser.add_argument("--suites", nargs="+", default=[], choices=SUITES, metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument(
        "--part", default="", metavar="N/M", help="run only part N of suites that are split into M parts"
    )
    parser.add_argument("--resume", action="store_true", help="skip what has a result for this commit")
    parser.add_argument("--list", action="store_true", help="list the configurations and run nothing")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table into this Markdown file")
    parser.add_argument("--architecture", default="amd64", choices=ARCHITECTURES)
    parser.add_argument(
        "--patience", type=_patience, metavar="N", help="multiply time limits by N, not by the measured slowness"
    )
    return parser


def _patience(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 1 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return number


def _run(options: argparse.Namespace, progress: Progress) -> tuple[Facts, list[Result]]:
    """Return the results of this run, and with --resume also those of earlier runs."""
    configurations = choose(CONFIGURATIONS, options.only, options.suites)
    architecture = ARCHITECTURES[options.architecture]
    folder = folder_of_images()
    if not checkout.is_clean():
        progress.print("uncommitted changes are not tested")
    commit = checkout.commit()
    store = Store(folder, architecture.debian, commit)
    results = list(store.results) if options.resume else []
    image = find_or_build(folder, architecture, progress)
    with running_machine(image, architecture, progress) as machine:
        pace = measure_slowness(machine.guest)
        progress.print(f"{machine.how}; {pace:g} times slower than a quiet machine of today")
        with progress.step(f"installing commit {commit}"):
            checkout.install(machine.guest, architecture.machine)
        machine_facts = facts.collect(
            machine,
            date=f"{datetime.datetime.now(datetime.UTC):%d %B %Y}",
            commit=commit,
            architecture=architecture.debian,
            slowness=pace,
        )
        machine.save_snapshot()
        patience = options.patience or pace
        rows = plan(configurations, options.suites, options.part, patience, results)
        progress.print(f"{len(rows)} configurations to run, about {estimate_s(rows, pace) / 60:.0f} minutes")
        for result in campaign.run(machine, rows, patience, progress):
            store.keep(result, machine_facts)
    cells = {(row.configuration.name, cell.suite.name) for row in rows for cell in row.cells}
    this_run = [one for one in store.results if (one.configuration, one.suite) in cells]
    return machine_facts, store.results if options.resume else this_run


def _show(options: argparse.Namespace, machine_facts: Facts, results: list[Result]) -> int:
    """Print the results, and return the exit code."""
    lines = table.build_lines(CONFIGURATIONS, results)
    if options.json:
        print(json.dumps(as_json(machine_facts, results), indent=1))
    elif (out := Console(highlight=False)).is_terminal:
        out.print(table.for_terminal(lines))
    else:
        print("\n".join(table.for_pipe(lines)))
    failures = table.failures(lines)
    summary = (table.heading(machine_facts), table.verdict(lines))
    if options.markdown:
        page.write(
            options.markdown,
            options.architecture,
            [*summary, "", *table.for_markdown(lines), "", *(f"- {one}" for one in failures)],
        )
    print(*summary, sep="\n", file=sys.stderr)
    return 0 if all(one.ok for one in results) else 1


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
