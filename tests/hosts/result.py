"""The result of one suite in one configuration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """`words` is the text of the cell, and `details` has a line for each failure. `passed` and `total` count tests.
    `part` is "2/4" for the second of four parts. `lost` is True if no login to the machine works any more."""

    configuration: str
    suite: str
    ok: bool
    words: str
    seconds: float
    details: tuple[str, ...] = ()
    passed: int = 0
    total: int = 0
    part: str = ""
    lost: bool = False
