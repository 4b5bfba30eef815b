"""What is run in a configuration: parts of the project's own tests, whose executors are started as it says, and the
demo."""

import math
import shlex
from dataclasses import dataclass
from typing import Final

from tests.hosts import junit
from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.guest import Done, Guest
from tests.hosts.outcomes import Outcome
from tests.hosts.result import Result
from tests.hosts.start import PYTHON, Start

#: What one suite, or one part of it, may take where it is as quick as it can be.
LIMIT_S: Final = 600
#: How many times as long as at the machine's pace it may take, for the pace changes while it runs.
_SLACK: Final = 3
_FEW_FAILURES: Final = 20


@dataclass(frozen=True)
class Suite:
    """Tests that take `native_s` seconds on a machine of today. `arguments` are pytest's."""

    name: str
    native_s: float
    arguments: tuple[str, ...] = ()
    splits: bool = False

    def parts(self, slowness: float) -> list[str]:
        """Names of the pieces that each fit into the limit, at a slow machine's pace."""
        if not self.splits:
            return [""]
        count = math.ceil(self.native_s * slowness / (0.6 * LIMIT_S))
        return [f"{number}/{count}" for number in range(1, count + 1)] if count > 1 else [""]

    def limit_s(self, slowness: float) -> float:
        """Seconds after which the suite, or one part of it, hangs."""
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
        DEMO,
        SERVICE,
    )
}


def doctors_command(start: Start) -> str:
    return f"cd {FOLDER}; {start.run((start.python, '-m', 'executor.doctor', '--json'))}"


def run_tests(
    guest: Guest, configuration: Configuration, start: Start, suite: Suite, part: str, slowness: float
) -> Result:
    limit_s = suite.limit_s(slowness)
    report_file = f"/tmp/{configuration.name}.xml"
    environment = {
        "PRECIEUX_TEST_EXECUTOR_PREFIX": shlex.join(start.prefix),
        "PRECIEUX_TEST_PATIENCE": str(slowness),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    pytest = (
        *(PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"timeout={limit_s:.0f}", "--tb=short"),
        *("-p", "tests.hosts.part", "--part", part or "1/1", f"--junitxml={report_file}", *suite.arguments),
    )
    assignments = shlex.join(f"{name}={value}" for name, value in environment.items())
    tests = f"env {assignments} {shlex.join(pytest)} >&2"
    command = f"cd {FOLDER} && rm -f {report_file}; {tests}; code=$?; cat {report_file}; exit $code"
    done = guest.run(configuration.user, command, limit_s)
    report = junit.read(done.output)
    if report is None:
        return without_report(configuration, suite, done, part)
    ok = done.ok and not report.failures
    words = str(report.passed) if ok else f"{report.passed} of {report.total}"
    details = report.failures[:_FEW_FAILURES]
    return Result(configuration.name, suite.name, ok, words, done.seconds, details, report.passed, report.total, part)


def without_report(configuration: Configuration, suite: Suite, done: Done, part: str = "") -> Result:
    if done.lost:
        words = "the machine was lost"
    elif done.timed_out:
        words = f"hangs: stopped after {done.seconds:.0f} s"
    else:
        words = f"ended with exit code {done.exit_code}"
    return Result(configuration.name, suite.name, False, words, done.seconds, (done.words,), part=part, lost=done.lost)


#: Watches whether the demo's programs run in cgroups of their own, while it runs.
_WATCHED_DEMO: Final = """
cd {folder} || exit
{command} >&2 &
demo=$!
while kill -0 $demo 2>/dev/null; do
    [ -n "$seen" ] || seen=$(find /sys/fs/cgroup -type d -path '*/precieux-[0-9]*/*' -print -quit 2>/dev/null)
    sleep 0.2
done
[ -z "$seen" ] || echo by cgroup
wait $demo
"""


def run_demo(guest: Guest, configuration: Configuration, start: Start, serves: Outcome, slowness: float) -> Result:
    """`precieux demo`, all of it started so. `serves` is how the doctor said that limits would be held."""
    command = shlex.join((*start.prefix, PYTHON, "-P", "-m", "precieux", "demo"))
    watched = _WATCHED_DEMO.format(folder=FOLDER, command=command)
    done = guest.run(configuration.user, watched, DEMO.limit_s(slowness))
    if not done.ok:
        return without_report(configuration, DEMO, done)
    seen = Outcome.BY_CGROUP if "by cgroup" in done.output else Outcome.BY_SAMPLING
    details = () if seen is serves else (f"the doctor said that it {serves}",)
    return Result(configuration.name, DEMO.name, seen is serves, str(seen), done.seconds, details)
