"""Does what the doctor tells to do. Its commands stand between backticks."""

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
class Followed:
    """Commands for root to run, and how the executor is started after that."""

    commands: tuple[str, ...]
    start: Start


def follow(remedy: str, start: Start) -> Followed:
    """Read options of a container (`--name value`), a command that starts the executor (`systemd-run ...`), and
    commands to run. A single word is none of these."""
    commands = []
    for quoted in _QUOTED.findall(remedy):
        if quoted.startswith("--") and isinstance(start, Container):
            start = replace(start, options=_with_options(start.options, shlex.split(quoted)))
        elif quoted.startswith("systemd-run ") and quoted.endswith(_EXECUTOR):
            start = Prefix(tuple(shlex.split(quoted.removesuffix(_EXECUTOR))))
        elif " " in quoted and not quoted.startswith("--"):
            commands.append(quoted)
    return Followed(tuple(commands), start)


def _with_options(options: tuple[str, ...], more: list[str]) -> tuple[str, ...]:
    """Both, without pairs of a name and a value that are there already."""
    there = set(pairwise(options))
    for pair in zip(more[::2], more[1::2], strict=True):
        options += () if pair in there else pair
    return options
