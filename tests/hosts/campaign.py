"""Runs the rows of the table one after the other. Before each row, the machine returns to its state after the boot."""

from collections.abc import Iterable, Iterator

from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.doctor import run_doctor
from tests.hosts.guest import Guest
from tests.hosts.machine import Machine
from tests.hosts.outcomes import Outcome
from tests.hosts.plan import Cell, Row
from tests.hosts.progress import Progress
from tests.hosts.result import Result
from tests.hosts.start import Start
from tests.hosts.steps import run_service
from tests.hosts.suites import DEMO, DOCTOR, SERVICE, run_demo, run_tests

_PREPARATION_S = 600
#: Kills the units, scopes and containers that a suite left when it was stopped.
_KILL_LEFTOVERS = """
systemctl kill --signal=KILL 'run-*.service' 'run-*.scope'
pkill -KILL -f '[-]m executor'
docker ps --quiet | xargs --no-run-if-empty docker kill
true
"""


def run(machine: Machine, rows: Iterable[Row], slowness: float, progress: Progress) -> Iterator[Result]:
    for row in rows:
        machine.restore_snapshot()
        yield from _run_row(machine, row, slowness, progress)


def _run_row(machine: Machine, row: Row, slowness: float, progress: Progress) -> Iterator[Result]:
    configuration, guest = row.configuration, machine.guest
    with progress.step(f"{configuration.name}: doctor"):
        problem = _prepare(guest, configuration)
        if not problem:
            doctor_run = run_doctor(guest, configuration, slowness)
    if problem:
        yield _report(Result(configuration.name, DOCTOR.name, False, "not run", 0, (problem,)), progress)
        yield from (_not_run(configuration, cell) for cell in row.cells if cell.suite is not DOCTOR)
        return
    yield _report(doctor_run.result, progress)
    lost = False
    for cell in row.cells:
        if cell.suite is DOCTOR:
            continue
        if lost or doctor_run.start is None or doctor_run.serves is None:
            yield _not_run(configuration, cell)
            continue
        with progress.step(f"{configuration.name}: {cell.suite.name} {cell.part}".rstrip()):
            result = _run_cell(machine, configuration, cell, doctor_run.start, doctor_run.serves, slowness)
            lost = result.lost
            if not result.ok and not lost:
                guest.run("root", _KILL_LEFTOVERS, _PREPARATION_S)
        yield _report(result, progress)


def _run_cell(
    machine: Machine, configuration: Configuration, cell: Cell, start: Start, serves: Outcome, slowness: float
) -> Result:
    if cell.suite is DEMO:
        return run_demo(machine.guest, configuration, start, serves, slowness)
    if cell.suite is SERVICE:
        return run_service(machine, configuration, slowness)
    return run_tests(machine.guest, configuration, start, cell.suite, cell.part, slowness)


def _prepare(guest: Guest, configuration: Configuration) -> str:
    """Return a message if a command fails, else an empty string."""
    commands = [(configuration.user, command) for command in configuration.start.prepare]
    commands += [("root", command) for command in configuration.prepare]
    for user, command in commands:
        result = guest.run(user, f"cd {FOLDER} && {command}", _PREPARATION_S)
        if not result.ok:
            return f"could not be prepared: `{command.strip()}`: {result.words}"
    return ""


def _not_run(configuration: Configuration, cell: Cell) -> Result:
    return Result(configuration.name, cell.suite.name, False, "not run", 0, part=cell.part)


def _report(result: Result, progress: Progress) -> Result:
    """Print a result, and return it."""
    progress.print(f"{result.configuration}: {result.suite}: {'ok' if result.ok else 'NOT OK'}: {result.words}")
    for detail in result.details:
        progress.print(f"    {' '.join(detail.split())}")
    return result
