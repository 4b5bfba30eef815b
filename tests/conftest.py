"""Clean the environment, and load the fixtures."""

import logging
import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

# Before any settings are read: the settings of a developer's own installation must not reach the tests.
for _name in [name for name in os.environ if name.startswith("PRECIEUX_") and not name.startswith("PRECIEUX_TEST_")]:
    del os.environ[_name]

# pika logs every lost connection a dozen times; our own records and exceptions have what matters of it.
logging.getLogger("pika").setLevel(logging.CRITICAL)

# The default deadline of 200 ms an example is too short for a busy machine.
# An ordinary user may not write where the tests of root have left examples, so there is no database of them.
hypothesis.settings.register_profile("any machine", deadline=None, database=None)
hypothesis.settings.load_profile("any machine")

pytest_plugins = [
    "tests.fixtures.collection",
    "tests.fixtures.gate",
    "tests.fixtures.postgres",
    "tests.fixtures.rabbitmq",
    "tests.fixtures.s3",
    "tests.fixtures.mail",
    "tests.fixtures.executor",
    "tests.fixtures.up",
    "tests.fixtures.contract",
    "tests.fixtures.wheels",
    "tests.fixtures.judge0",
]


# A test that configures no log would format each traceback with the local variables of all its frames, in seconds.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(autouse=True, scope="session")
def loggers_are_not_cached() -> Iterator[None]:
    """`structlog.testing.capture_logs` needs that. A command in the tests' own process would cache each logger."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            structlog, "configure", lambda **settings: configure(**settings | {"cache_logger_on_first_use": False})
        )
        yield
