"""`python -m tests.hosts`: builds the machine, fills the table, and shows it: see docs/hosts.md."""

import argparse
import datetime
import json
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
from tests.hosts.pace import slowness
from tests.hosts.plan import choose, estimate_s, plan
from tests.hosts.result import Result
from tests.hosts.store import Store, as_json
from tests.hosts.suites import SUITES
from tests.hosts.telling import Teller


def main(arguments: Sequence[str]) -> int:
    """0 if everything was as expected, 1 if not, 2 if nothing could be tried, 130 if it was stopped."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _as_interrupt)
    tell = Teller()
    try:
        if chosen.list:
            for one in choose(CONFIGURATIONS, chosen.only, chosen.suites):
                print(f"{one.name:28}{one.title:60}{' '.join(one.suites)}")
            return 0
        return _show(chosen, *_run(chosen, tell))
    except HostsError as exc:
        tell.say(str(exc))
        return 2
    except KeyboardInterrupt:
        tell.say("stopped; what was measured is kept, and `--resume` goes on")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make test-hosts", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="configurations; * stands for anything")
    parser.add_argument("--suites", nargs="+", default=[], choices=SUITES, metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--part", default="", metavar="N/M", help="this part of suites that are cut into M")
    parser.add_argument("--resume", action="store_true", help="leave out what was measured of this commit")
    parser.add_argument("--list", action="store_true", help="name the configurations, and run nothing")
    parser.add_argument("--json", action="store_true", help="results for programs, on standard output")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table into this page")
    parser.add_argument("--architecture", default="amd64", choices=ARCHITECTURES)
    return parser


def _run(chosen: argparse.Namespace, tell: Teller) -> tuple[Facts, list[Result]]:
    """The results of this run; with --resume also those of runs before."""
    configurations = choose(CONFIGURATIONS, chosen.only, chosen.suites)
    architecture = ARCHITECTURES[chosen.architecture]
    folder = folder_of_images()
    if not checkout.is_clean():
        tell.say("what is not committed is not tested")
    commit = checkout.commit()
    store = Store(folder, architecture.debian, commit)
    results = list(store.results) if chosen.resume else []
    image = find_or_build(folder, architecture, tell)
    with running_machine(image, architecture, tell) as machine:
        pace = slowness(machine.guest)
        tell.say(f"{machine.how}; {pace:g} times slower than a machine of today that does nothing else")
        with tell.step(f"installing commit {commit}"):
            checkout.bring(machine.guest)
        found = facts.ask(
            machine,
            date=f"{datetime.datetime.now(datetime.UTC):%d %B %Y}",
            commit=commit,
            architecture=architecture.debian,
            slowness=pace,
        )
        machine.remember()
        rows = plan(configurations, chosen.suites, chosen.part, pace, results)
        tell.say(f"{len(rows)} configurations to run, some {estimate_s(rows, pace) / 60:.0f} minutes")
        for result in campaign.run(machine, rows, pace, tell):
            store.keep(result, found)
    ran = {(row.configuration.name, cell.suite.name) for row in rows for cell in row.cells}
    return found, store.results if chosen.resume else [
        one for one in store.results if (one.configuration, one.suite) in ran
    ]


def _show(chosen: argparse.Namespace, found: Facts, results: list[Result]) -> int:
    lines = table.lines(CONFIGURATIONS, results)
    if chosen.json:
        print(json.dumps(as_json(found, results), indent=1))
    elif (out := Console(highlight=False)).is_terminal:
        out.print(table.for_terminal(lines))
    else:
        print("\n".join(table.for_pipe(lines)))
    failures = table.failures(lines)
    closing = (table.heading(found), table.verdict(lines))
    if chosen.markdown:
        page.write(
            chosen.markdown,
            chosen.architecture,
            [*closing, "", *table.for_markdown(lines), "", *(f"- {one}" for one in failures)],
        )
    print(*closing, sep="\n", file=sys.stderr)
    return 0 if all(one.ok for one in results) else 1


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
