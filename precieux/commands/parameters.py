"""Makes the parameters of a submission from the options of `precieux submit`, `rerun` and `batch`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from precieux.errors import UsageError
from precieux.host import files
from precieux_client import Checker, Limits


def read_input(text: str | None, file: Path | None) -> str | None:
    """Return the standard input that --input or --input-file gives."""
    if text is not None and file is not None:
        raise UsageError("Give either --input or --input-file, not both.")
    return files.read_text(file) if file is not None else text


def limits_of(cpu_s: float | None, wall_s: float | None, memory_bytes: int | None) -> Limits | None:
    if any(seconds is not None and not math.isfinite(seconds) for seconds in (cpu_s, wall_s)):
        raise UsageError("--cpu-s and --wall-s must be numbers of seconds.")
    limits = Limits(cpu_s=cpu_s, wall_s=wall_s, memory_bytes=memory_bytes)
    return None if limits == Limits() else limits


def checker_of(kind: str) -> Checker | None:
    """Return the checker of this kind; None for the default."""
    kinds: tuple[Any, ...] = get_args(Checker.__annotations__["kind"])
    if kind not in kinds:
        raise UsageError(f"--checker {kind}: it must be one of {', '.join(kinds)}.")
    return None if kind == "lines" else Checker(kind=kind)  # type: ignore[arg-type]


def metadata_of(pairs: Sequence[str] | None) -> dict[str, str]:
    """Return the metadata of options such as `--metadata NAME=TEXT`."""
    if wrong := next((pair for pair in pairs or () if "=" not in pair), None):
        raise UsageError(f"--metadata {wrong}: write it as NAME=TEXT.")
    return dict(pair.split("=", 1) for pair in pairs or ())
