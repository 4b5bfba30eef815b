"""The result of a suite on a host, and what is said of it."""

import sys
from dataclasses import dataclass


class HostsError(Exception):
    """A machine cannot be made or reached. The message says what to do."""


@dataclass(frozen=True)
class Result:
    """`words` say in short how a suite ended, and `details` has a line for each failure."""

    suite: str
    ok: bool
    words: str
    details: tuple[str, ...] = ()


def say(text: str) -> None:
    """Print what is under way to standard error. Standard output has the results."""
    print(f"hosts: {text}", file=sys.stderr, flush=True)
