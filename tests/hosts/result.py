"""What came of one suite in one configuration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """`part` is "2/4" where a suite was cut into pieces; `passed` of `total` tests, where it has such. `details` tell
    each failure in a line. `lost`: no login to the machine works any more."""

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
