"""Runs steps of tests/hosts/service.py in the machine, and reboots it between two of them."""

from typing import Final

from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.machine import Machine
from tests.hosts.result import Result
from tests.hosts.start import PYTHON
from tests.hosts.suites import SERVICE, without_report

_REBOOT: Final = "reboot"


def run_service(machine: Machine, configuration: Configuration, slowness: float) -> Result:
    told: list[str] = []
    seconds = 0.0
    for step in configuration.steps:
        for name in (f"before-{step}", f"after-{step}") if step == _REBOOT else (step,):
            if name == f"after-{_REBOOT}":
                machine.reboot()
            command = f"cd {FOLDER} && {PYTHON} -m tests.hosts.service {_options()} {name}"
            done = machine.guest.run("root", command, SERVICE.limit_s(slowness))
            seconds += done.seconds
            told.append(done.output.strip())
            if not done.ok:
                failed = without_report(configuration, SERVICE, done)
                return Result(
                    configuration.name, SERVICE.name, False, f"{name}: {failed.words}", seconds, (*told, done.words)
                )
    return Result(configuration.name, SERVICE.name, True, ", ".join(configuration.steps), seconds, tuple(told))


def _options() -> str:
    return "--precieux /opt/precieux/bin/precieux --wheel /srv/built/*.whl"
