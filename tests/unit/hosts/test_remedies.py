"""A remedy's text becomes commands, and a way to start the executor."""

import pytest

from tests.hosts.container import Container
from tests.hosts.remedies import Fix, parse_remedy
from tests.hosts.start import LOGIN, Prefix, Start
from tests.hosts.unit import Unit

_UNIT = Unit(("User=engine", "DynamicUser=yes"))
_DROP_IN = "mkdir -p /etc/x.d && printf '[Service]\\nDelegate=cpu memory\\n' >/etc/x.d/y.conf && systemctl restart x"
_CONTAINER = Container("docker", ("--cap-drop", "ALL", "--security-opt", "a=b"))


@pytest.mark.parametrize(
    ("remedy", "start", "commands", "then"),
    [
        ("Run `sysctl -w user.max_user_namespaces=15000`.", LOGIN, ["sysctl -w user.max_user_namespaces=15000"], LOGIN),
        (
            "Start with `systemd-run --user --scope python -m executor`.",
            LOGIN,
            [],
            Prefix(("systemd-run", "--user", "--scope")),
        ),
        (f"x has Delegate=no: as root, run `{_DROP_IN}`.", _UNIT, [_DROP_IN], _UNIT),
        ("Set `DynamicUser=no`.", _UNIT, [], _UNIT),
        (
            "Start it with `--security-opt a=b --security-opt c=d`.",
            _CONTAINER,
            [],
            Container("docker", ("--cap-drop", "ALL", "--security-opt", "a=b", "--security-opt", "c=d")),
        ),
        ("Run `a b`, then `c d`.", LOGIN, ["a b", "c d"], LOGIN),
        ("See `docs/security.md`.", LOGIN, [], LOGIN),
        ("Nothing to be done.", LOGIN, [], LOGIN),
    ],
)
def test_a_remedy_is_parsed(remedy: str, start: Start, commands: list[str], then: Start) -> None:
    assert parse_remedy(remedy, start) == Fix(tuple(commands), then)
