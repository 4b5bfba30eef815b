"""`python -m tests.hosts` tests the executor on kinds of hosts, in a virtual machine. See docs/hosts.md."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from types import FrameType

from tests.hosts import checkout
from tests.hosts.checkout import FOLDER
from tests.hosts.configurations import CONFIGURATIONS, Configuration
from tests.hosts.doctor import run_doctor
from tests.hosts.guest import measure_slowness
from tests.hosts.image import find_or_build, folder_of_images
from tests.hosts.machine import Machine, running_machine
from tests.hosts.reporting import HostsError, Result, say
from tests.hosts.suites import SUITES, run_suite

_PREPARATION_S = 600
#: Kills the units, scopes and containers that a suite left when it was stopped.
_KILL_LEFTOVERS = """
systemctl kill --signal=KILL 'run-*.service' 'run-*.scope'
pkill -KILL -f '[-]m executor'
docker ps --quiet | xargs --no-run-if-empty docker kill
true
"""


def main(arguments: Sequence[str]) -> int:
    """Return 0 if all was as expected, 1 if not, 2 if nothing could be run, and 130 if the run was stopped."""
    options = _parser().parse_args(arguments)
    hosts = [one for one in CONFIGURATIONS if any(fnmatchcase(one.name, pattern) for pattern in options.only)]
    if options.list:
        for one in hosts:
            print(f"{one.name:20}{one.title:72}{' '.join(one.suites)}")
        return 0
    signal.signal(signal.SIGTERM, _as_interrupt)
    all_ok = True
    try:
        for host, result in _results(hosts, options):
            print(f"{host.name}\t{result.suite}\t{'ok' if result.ok else 'NOT OK'}\t{result.words}", flush=True)
            for detail in result.details:
                say(f"    {' '.join(detail.split())}")
            all_ok &= result.ok
    except HostsError as exc:
        say(str(exc))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if all_ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make test-hosts", description=__doc__)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="NAME", help="configurations; * matches any text")
    parser.add_argument("--suites", nargs="+", default=[*SUITES], choices=SUITES, metavar="SUITE", help=str([*SUITES]))
    parser.add_argument("--list", action="store_true", help="list the configurations and run nothing")
    parser.add_argument(
        "--patience", type=float, metavar="N", help="multiply time limits by N, not by the measured slowness"
    )
    return parser


def _results(hosts: Sequence[Configuration], options: argparse.Namespace) -> Iterator[tuple[Configuration, Result]]:
    if not checkout.is_clean():
        say("uncommitted changes are not tested")
    image = find_or_build(folder_of_images())
    with running_machine(image) as machine:
        pace = measure_slowness(machine.guest)
        say(f"{machine.how}; {pace:g} times slower than a quiet machine of today")
        say(f"installing commit {checkout.commit()}")
        checkout.install(machine.guest)
        machine.save_snapshot()
        for host in hosts:
            machine.restore_snapshot()
            for result in _run(machine, host, options.suites, options.patience or pace):
                yield host, result


def _run(machine: Machine, host: Configuration, suites: Sequence[str], slowness: float) -> Iterator[Result]:
    """Yield the results of one host, first the doctor's, which finds how to start the executor."""
    say(f"{host.name}: doctor")
    if problem := _prepare(machine, host):
        yield Result("doctor", False, "not run", (problem,))
        return
    doctor = run_doctor(machine.guest, host.user, host.start, host.expect, host.then, slowness)
    yield doctor.result
    for name in (name for name in host.suites if name in suites):
        if doctor.start is None or doctor.serves is None:
            yield Result(name, False, "not run")
            continue
        say(f"{host.name}: {name}")
        result = run_suite(machine, host, name, doctor.start, doctor.serves, slowness)
        if not result.ok:
            machine.guest.run("root", _KILL_LEFTOVERS, _PREPARATION_S)
        yield result


def _prepare(machine: Machine, host: Configuration) -> str:
    """Return a message if a command fails, else an empty string."""
    commands = [(host.user, command) for command in host.start.prepare]
    commands += [("root", command) for command in host.prepare]
    for user, command in commands:
        result = machine.guest.run(user, f"cd {FOLDER} && {command}", _PREPARATION_S)
        if not result.ok:
            return f"could not be prepared: `{command.strip()}`: {result.words}"
    return ""


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
