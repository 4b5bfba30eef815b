"""Runs rows of the table one after the other, each on the machine as it was after the boot."""

from collections.abc import Iterable, Iterator

from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.doctor import consult
from tests.hosts.guest import Guest
from tests.hosts.machine import Machine
from tests.hosts.outcomes import Outcome
from tests.hosts.plan import Cell, Row
from tests.hosts.result import Result
from tests.hosts.start import Start
from tests.hosts.steps import run_service
from tests.hosts.suites import DEMO, DOCTOR, SERVICE, run_demo, run_tests
from tests.hosts.telling import Teller

_PREPARATION_S = 600
#: Ends what a suite that was stopped has left: units, scopes, containers.
_END_EVERYTHING = """
systemctl kill --signal=KILL 'run-*.service' 'run-*.scope'
pkill -KILL -f '[-]m executor'
docker ps --quiet | xargs --no-run-if-empty docker kill
true
"""


def run(machine: Machine, rows: Iterable[Row], slowness: float, tell: Teller) -> Iterator[Result]:
    for row in rows:
        machine.set_back()
        yield from _run_row(machine, row, slowness, tell)


def _run_row(machine: Machine, row: Row, slowness: float, tell: Teller) -> Iterator[Result]:
    configuration, guest = row.configuration, machine.guest
    with tell.step(f"{configuration.name}: doctor"):
        complaint = _prepare(guest, configuration)
        if not complaint:
            consultation = consult(guest, configuration, slowness)
    if complaint:
        yield _said(Result(configuration.name, DOCTOR.name, False, "not run", 0, (complaint,)), tell)
        yield from (_not_run(configuration, cell) for cell in row.cells if cell.suite is not DOCTOR)
        return
    yield _said(consultation.result, tell)
    lost = False
    for cell in row.cells:
        if cell.suite is DOCTOR:
            continue
        if lost or consultation.start is None or consultation.serves is None:
            yield _not_run(configuration, cell)
            continue
        with tell.step(f"{configuration.name}: {cell.suite.name} {cell.part}".rstrip()):
            result = _run_cell(machine, configuration, cell, consultation.start, consultation.serves, slowness)
            lost = result.lost
            if not result.ok and not lost:
                guest.run("root", _END_EVERYTHING, _PREPARATION_S)
        yield _said(result, tell)


def _run_cell(
    machine: Machine, configuration: Configuration, cell: Cell, start: Start, serves: Outcome, slowness: float
) -> Result:
    if cell.suite is DEMO:
        return run_demo(machine.guest, configuration, start, serves, slowness)
    if cell.suite is SERVICE:
        return run_service(machine, configuration, slowness)
    return run_tests(machine.guest, configuration, start, cell.suite, cell.part, slowness)


def _prepare(guest: Guest, configuration: Configuration) -> str:
    """Return what went wrong, or nothing."""
    own = [(configuration.user, command) for command in configuration.start.prepare]
    for user, command in (*own, *(("root", command) for command in configuration.prepare)):
        done = guest.run(user, f"cd {FOLDER} && {command}", _PREPARATION_S)
        if not done.ok:
            return f"could not be prepared: `{command.strip()}`: {done.words}"
    return ""


def _not_run(configuration: Configuration, cell: Cell) -> Result:
    return Result(configuration.name, cell.suite.name, False, "not run", 0, part=cell.part)


def _said(result: Result, tell: Teller) -> Result:
    tell.say(f"{result.configuration}: {result.suite}: {'ok' if result.ok else 'NOT OK'}: {result.words}")
    for detail in result.details:
        tell.say(f"    {' '.join(detail.split())}")
    return result
