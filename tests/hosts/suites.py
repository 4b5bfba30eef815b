"""The suites that run on a host after the doctor: tests by pytest, the demo, and the installed service."""

import shlex
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from tests.hosts.checkout import BUILT, FOLDER
from tests.hosts.configurations import Configuration
from tests.hosts.doctor import Outcome
from tests.hosts.guest import CommandResult, Guest
from tests.hosts.machine import Machine
from tests.hosts.reporting import Result
from tests.hosts.start import PYTHON, Start

#: The shortest time limit of a suite, in seconds.
_LIMIT_S: Final = 600
#: A suite may take this many times its expected time, because the machine's pace changes while it runs.
_SLACK: Final = 3
_FEW_FAILURES: Final = 20
_REBOOT: Final = "reboot"


@dataclass(frozen=True)
class Suite:
    """Tests that take `native_s` seconds on a quiet machine of today. `arguments` are for pytest. The configuration
    starts their executors, or pytest itself if they are `inside`."""

    native_s: float
    arguments: tuple[str, ...] = ()
    inside: bool = False

    def limit_s(self, slowness: float) -> float:
        """Return the seconds after which the suite counts as hanging."""
        return max(_LIMIT_S, _SLACK * self.native_s * slowness)


_PROTOCOL: Final = "tests/contract/test_codex_protocol.py"
SUITES: Final = {
    "doctor": Suite(4),
    "programs": Suite(20, (_PROTOCOL, "-k", "installed_language")),
    "conformance": Suite(45, (_PROTOCOL, "tests/contract/test_features.py", "-k", "not installed_language")),
    "attacks": Suite(125, ("tests/security/test_attacks.py", "tests/security/known_escapes")),
    "cgroups": Suite(20, ("-m", "cgroup_v2", "tests/security/test_cgroup_v2.py"), inside=True),
    "demo": Suite(15),
    "service": Suite(60),
}


def run_suite(
    machine: Machine, host: Configuration, name: str, start: Start, serves: Outcome, slowness: float
) -> Result:
    """Run a suite on a host. `start` is how the executor serves there, and `serves` how it limits programs."""
    if name == "demo":
        return _run_demo(machine.guest, host, start, serves, slowness)
    if name == "service":
        return _run_service(machine, host, slowness)
    return _run_tests(machine.guest, host, name, start, slowness)


def _run_tests(guest: Guest, host: Configuration, name: str, start: Start, slowness: float) -> Result:
    suite = SUITES[name]
    limit_s = suite.limit_s(slowness)
    report_file = f"/tmp/{host.name}.xml"
    environment = {
        "CI": "true",  # what cannot run must fail
        "PRECIEUX_TEST_EXECUTOR_PREFIX": "" if suite.inside else shlex.join(start.prefix),
        "PRECIEUX_TEST_PATIENCE": str(slowness),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    pytest = (
        *(start.prefix if suite.inside else ()),
        *(PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"timeout={limit_s:.0f}", "--tb=short"),
        *(f"--junitxml={report_file}", *suite.arguments),
    )
    assignments = shlex.join(f"{name}={value}" for name, value in environment.items())
    tests = f"env {assignments} {shlex.join(pytest)} >&2"
    command = f"cd {FOLDER} && rm -f {report_file}; {tests}; code=$?; cat {report_file}; exit $code"
    result = guest.run(host.user, command, limit_s)
    try:
        cases = list(ElementTree.fromstring(result.output).iter("testcase"))
    except ElementTree.ParseError:
        return _without_report(name, result)
    failures = [
        f"{case.get('name')}: {found.get('message', '').partition(chr(10))[0][:300]}"
        for case in cases
        for kind in ("failure", "error")
        if (found := case.find(kind)) is not None
    ]
    passed = len([case for case in cases if len(case) == 0])
    words = f"{passed} passed" + (f", {len(failures)} failed" if failures else "")
    return Result(name, result.ok and not failures, words, tuple(failures[:_FEW_FAILURES]))


def _without_report(name: str, result: CommandResult) -> Result:
    if result.lost:
        words = "the machine was lost"
    elif result.timed_out:
        words = f"hangs: stopped after {result.seconds:.0f} s"
    else:
        words = f"ended with exit code {result.exit_code}"
    return Result(name, False, words, (result.words,))


#: Runs the demo, and looks meanwhile for a cgroup of one of its programs.
_DEMO_SCRIPT: Final = """
cd {folder} || exit
{command} >&2 &
demo=$!
while kill -0 $demo 2>/dev/null; do
    [ -n "$cgroup" ] || cgroup=$(find /sys/fs/cgroup -type d -path '*/precieux-[0-9]*/*' -print -quit 2>/dev/null)
    sleep 0.2
done
[ -z "$cgroup" ] || echo by cgroup
wait $demo
"""


def _run_demo(guest: Guest, host: Configuration, start: Start, serves: Outcome, slowness: float) -> Result:
    """Run `precieux demo` under `start`. `serves` is how the doctor said that programs are limited."""
    command = shlex.join((*start.prefix, PYTHON, "-P", "-m", "precieux", "demo"))
    script = _DEMO_SCRIPT.format(folder=FOLDER, command=command)
    result = guest.run(host.user, script, SUITES["demo"].limit_s(slowness))
    if not result.ok:
        return _without_report("demo", result)
    outcome = Outcome.BY_CGROUP if "by cgroup" in result.output else Outcome.BY_SAMPLING
    details = () if outcome is serves else (f"the doctor reported that it {serves}",)
    return Result("demo", outcome is serves, str(outcome), details)


def _run_service(machine: Machine, host: Configuration, slowness: float) -> Result:
    """Run the steps of tests/hosts/service.py. The step "reboot" reboots the machine between two of them."""
    options = f"--wheel {BUILT}/*.whl" if host.user == "root" else "--user"
    lines: list[str] = []
    for step in host.steps:
        for name in (f"before-{step}", f"after-{step}") if step == _REBOOT else (step,):
            if name == f"after-{_REBOOT}":
                machine.reboot()
            service = f"-m tests.hosts.service --precieux /opt/precieux/bin/precieux {options} {name}"
            result = machine.guest.run(
                host.user, f"cd {FOLDER} && {PYTHON} {service}", SUITES["service"].limit_s(slowness)
            )
            lines.append(result.output.strip())
            if not result.ok:
                words = f"{name}: {_without_report('service', result).words}"
                return Result("service", False, words, (*lines, result.words))
    return Result("service", True, ", ".join(host.steps), tuple(lines))
