"""A unit of systemd, as a row of the table has it."""

import shlex

from tests.hosts.unit import Unit


def test_a_unit_listens_on_any_free_port() -> None:
    (command,) = Unit(("User=engine",)).prepare

    assert "Environment=PRECIEUX_EXECUTOR_PORT=0" in shlex.split(command)
