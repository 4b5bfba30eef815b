"""Reads the commands in a remedy of the doctor. They are between backticks."""

import re
import shlex
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from executor.doctor.remedies import Facts
from tests.hosts.container import Container
from tests.hosts.start import Prefix, Start

_QUOTED: Final = re.compile(r"`([^`]+)`")
_EXECUTOR: Final = Facts.start


@dataclass(frozen=True)
class Fix:
    """A remedy as commands for root, and the way to start the executor after them."""

    commands: tuple[str, ...]
    start: Start


def parse_remedy(remedy: str, start: Start) -> Fix:
    """Read the options of a container (`--name value`), a command that starts the executor (`systemd-run ...`), and
    other commands. A single word between backticks is ignored."""
    commands = []
    for quoted in _QUOTED.findall(remedy):
        if quoted.startswith("--") and isinstance(start, Container):
            start = replace(start, options=_with_options(start.options, shlex.split(quoted)))
        elif quoted.startswith("systemd-run ") and quoted.endswith(_EXECUTOR):
            start = Prefix(tuple(shlex.split(quoted.removesuffix(_EXECUTOR))))
        elif " " in quoted and not quoted.startswith("--"):
            commands.append(quoted)
    return Fix(tuple(commands), start)


def _with_options(options: tuple[str, ...], more: list[str]) -> tuple[str, ...]:
    """Add pairs of a name and a value, except those that are present already."""
    present = set(pairwise(options))
    for pair in zip(more[::2], more[1::2], strict=True):
        options += () if pair in present else pair
    return options
