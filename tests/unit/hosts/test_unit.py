"""A unit of systemd, as a row of the table has it."""

import shlex

from tests.hosts.unit import Installed, Unit


def test_a_unit_listens_on_any_free_port() -> None:
    (command,) = Unit(("User=engine",)).prepare

    assert "Environment=PRECIEUX_EXECUTOR_PORT=0" in shlex.split(command)


def test_a_users_service_is_run_by_the_users_systemd() -> None:
    start = Installed("--user")
    script = start.run(["doctor"])

    assert start.prepare == ("/opt/precieux/bin/precieux install-service --user",)
    assert script.count("systemctl") == script.count("systemctl --user ")
    assert "$XDG_RUNTIME_DIR/systemd/user/precieux-executor.service.d" in script
