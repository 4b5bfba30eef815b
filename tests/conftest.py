"""For every test: a clean environment, the fixtures by service, and a word about services that were missing."""

import importlib.util
import logging
import os

import hypothesis
import pytest

from tests.fixtures.gate import missed

# Before any settings are read: what a developer has set for their own installation must not reach the tests.
for _name in [name for name in os.environ if name.startswith("PRECIEUX_") and not name.startswith("PRECIEUX_TEST_")]:
    del os.environ[_name]

# pika tells every lost connection a dozen times over; what matters of it is in our own records and exceptions.
logging.getLogger("pika").setLevel(logging.CRITICAL)

# By default an example may take 200 ms, which a busy machine needs for any of them.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

_PLUGINS = ("postgres", "rabbitmq", "s3", "mail", "executor", "up")
pytest_plugins = [
    f"tests.fixtures.{name}" for name in _PLUGINS if importlib.util.find_spec(f"tests.fixtures.{name}") is not None
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if sentences := missed(str(report.longrepr[-1]) for report in skipped if isinstance(report.longrepr, tuple)):
        terminalreporter.section("services that were missing")
        for sentence in sentences:
            terminalreporter.line(sentence)
