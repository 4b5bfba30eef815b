"""Runs steps of tests/hosts/service.py in the machine. The step "reboot" reboots it between two of them."""

from typing import Final

from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.machine import Machine
from tests.hosts.result import Result
from tests.hosts.start import PYTHON
from tests.hosts.suites import SERVICE, result_without_report

_REBOOT: Final = "reboot"


def run_service(machine: Machine, configuration: Configuration, slowness: float) -> Result:
    lines: list[str] = []
    seconds = 0.0
    for step in configuration.steps:
        for name in (f"before-{step}", f"after-{step}") if step == _REBOOT else (step,):
            if name == f"after-{_REBOOT}":
                machine.reboot()
            command = f"cd {FOLDER} && {PYTHON} -m tests.hosts.service {_options(configuration.user)} {name}"
            result = machine.guest.run(configuration.user, command, SERVICE.limit_s(slowness))
            seconds += result.seconds
            lines.append(result.output.strip())
            if not result.ok:
                failed = result_without_report(configuration, SERVICE, result)
                return Result(
                    configuration.name, SERVICE.name, False, f"{name}: {failed.words}", seconds, (*lines, result.words)
                )
    return Result(configuration.name, SERVICE.name, True, ", ".join(configuration.steps), seconds, tuple(lines))


def _options(user: str) -> str:
    options = "--precieux /opt/precieux/bin/precieux"
    return f"{options} --wheel /srv/built/*.whl" if user == "root" else f"{options} --user"
