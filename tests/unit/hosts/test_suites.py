"""What a suite runs in the machine: its executors, or its tests themselves, in the cgroup of the configuration."""

from pathlib import Path

import pytest

from tests.hosts.configuration import Configuration
from tests.hosts.guest import CommandResult, Guest
from tests.hosts.outcomes import Outcome
from tests.hosts.start import Prefix
from tests.hosts.suites import SUITES, run_tests

_ONE = Configuration("one", "One", Outcome.BY_CGROUP, suites=("doctor", "attacks", "cgroups"))
_SCOPE = Prefix(("systemd-run", "--scope"))


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        ("attacks", "'PRECIEUX_TEST_EXECUTOR_PREFIX=systemd-run --scope' PRECIEUX_TEST_PATIENCE=2"),
        ("cgroups", "PYTHONDONTWRITEBYTECODE=1 systemd-run --scope /srv/precieux/.venv/bin/python -m pytest"),
    ],
)
def test_a_suite_is_started_as_the_configuration_says(
    monkeypatch: pytest.MonkeyPatch, suite: str, expected: str
) -> None:
    commands: list[str] = []

    def run(self: Guest, user: str, command: str, limit_s: float, stdin: bytes = b"") -> CommandResult:
        commands.append(command)
        return CommandResult(1, "", "", 0.0)

    monkeypatch.setattr(Guest, "run", run)
    run_tests(Guest(0, Path("key")), _ONE, _SCOPE, SUITES[suite], "", 2)
    [command] = commands
    assert expected in command
    assert "env CI=true " in command  # so that nothing is skipped
