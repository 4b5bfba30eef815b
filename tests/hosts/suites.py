"""The suites that run in a configuration: some of the project's tests, with executors started as the configuration
says, and the demo."""

import math
import shlex
from dataclasses import dataclass
from typing import Final

from tests.hosts import junit
from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.guest import CommandResult, Guest
from tests.hosts.outcomes import Outcome
from tests.hosts.result import Result
from tests.hosts.start import PYTHON, Start

#: The shortest time limit, in seconds, of a suite or of one part of it.
LIMIT_S: Final = 600
#: A suite may take this many times its expected time, because the machine's pace changes while it runs.
_SLACK: Final = 3
_FEW_FAILURES: Final = 20


@dataclass(frozen=True)
class Suite:
    """Tests that take `native_s` seconds on a quiet machine of today. `arguments` are for pytest. The configuration
    starts their executors, or pytest itself if they are `inside`."""

    name: str
    native_s: float
    arguments: tuple[str, ...] = ()
    splits: bool = False
    inside: bool = False

    def parts(self, slowness: float) -> list[str]:
        """Return the names of parts that are short enough for the limit at this slowness; `[""]` for a whole suite."""
        if not self.splits:
            return [""]
        count = math.ceil(self.native_s * slowness / (0.6 * LIMIT_S))
        return [f"{number}/{count}" for number in range(1, count + 1)] if count > 1 else [""]

    def limit_s(self, slowness: float) -> float:
        """Return the seconds after which the suite, or one part of it, counts as hanging."""
        return max(LIMIT_S, _SLACK * self.native_s * slowness / len(self.parts(slowness)))


DOCTOR: Final = Suite("doctor", 4)
DEMO: Final = Suite("demo", 15)
SERVICE: Final = Suite("service", 60)
SUITES: Final = {
    suite.name: suite
    for suite in (
        DOCTOR,
        Suite("programs", 20, ("tests/contract/test_codex_protocol.py", "-k", "installed_language")),
        Suite(
            "conformance",
            45,
            (
                "tests/contract/test_codex_protocol.py",
                "tests/contract/test_features.py",
                "-k",
                "not installed_language",
            ),
        ),
        Suite("attacks", 120, ("tests/security/test_attacks.py",), splits=True),
        Suite("cgroups", 20, ("-m", "cgroup_v2", "tests/security/test_cgroup_v2.py"), inside=True),
        DEMO,
        SERVICE,
    )
}


def doctor_command(start: Start) -> str:
    return f"cd {FOLDER}; {start.run((start.python, '-m', 'executor.doctor', '--json'))}"


def run_tests(
    guest: Guest, configuration: Configuration, start: Start, suite: Suite, part: str, slowness: float
) -> Result:
    """Run the tests of a suite, started as `suite` says by `start`."""
    limit_s = suite.limit_s(slowness)
    report_file = f"/tmp/{configuration.name}.xml"
    environment = {
        "CI": "true",  # what cannot run must fail
        "PRECIEUX_TEST_EXECUTOR_PREFIX": "" if suite.inside else shlex.join(start.prefix),
        "PRECIEUX_TEST_PATIENCE": str(slowness),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    pytest = (
        *(start.prefix if suite.inside else ()),
        *(PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"timeout={limit_s:.0f}", "--tb=short"),
        *("-p", "tests.hosts.part", "--part", part or "1/1", f"--junitxml={report_file}", *suite.arguments),
    )
    assignments = shlex.join(f"{name}={value}" for name, value in environment.items())
    tests = f"env {assignments} {shlex.join(pytest)} >&2"
    command = f"cd {FOLDER} && rm -f {report_file}; {tests}; code=$?; cat {report_file}; exit $code"
    result = guest.run(configuration.user, command, limit_s)
    report = junit.read(result.output)
    if report is None:
        return result_without_report(configuration, suite, result, part)
    ok = result.ok and not report.failures
    words = str(report.passed) if ok else f"{report.passed} of {report.total}"
    details = report.failures[:_FEW_FAILURES]
    return Result(configuration.name, suite.name, ok, words, result.seconds, details, report.passed, report.total, part)


def result_without_report(configuration: Configuration, suite: Suite, result: CommandResult, part: str = "") -> Result:
    if result.lost:
        words = "the machine was lost"
    elif result.timed_out:
        words = f"hangs: stopped after {result.seconds:.0f} s"
    else:
        words = f"ended with exit code {result.exit_code}"
    return Result(
        configuration.name,
        suite.name,
        False,
        words,
        result.seconds,
        (result.words,),
        part=part,
        lost=result.lost,
    )


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


def run_demo(guest: Guest, configuration: Configuration, start: Start, serves: Outcome, slowness: float) -> Result:
    """Run `precieux demo` under `start`. `serves` is how the doctor said that programs are limited."""
    command = shlex.join((*start.prefix, PYTHON, "-P", "-m", "precieux", "demo"))
    script = _DEMO_SCRIPT.format(folder=FOLDER, command=command)
    result = guest.run(configuration.user, script, DEMO.limit_s(slowness))
    if not result.ok:
        return result_without_report(configuration, DEMO, result)
    outcome = Outcome.BY_CGROUP if "by cgroup" in result.output else Outcome.BY_SAMPLING
    details = () if outcome is serves else (f"the doctor reported that it {serves}",)
    return Result(configuration.name, DEMO.name, outcome is serves, str(outcome), result.seconds, details)
