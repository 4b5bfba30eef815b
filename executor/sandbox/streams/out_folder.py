"""Reads the files of a program's out folder (init/out_folder.c)."""

import os
from typing import Final

from executor.sandbox.base import LeftOut, OutFolder
from executor.sandbox.streams.collected import CollectedFiles

#: The reasons in the order in which process 1 sends their numbers.
_REASONS: Final = (LeftOut.TOO_MANY, LeftOut.TOO_LARGE, LeftOut.NOT_A_FILE, LeftOut.UNREADABLE)


def receive_out_folder(collected: CollectedFiles) -> OutFolder:
    """Return what was collected, after the last step has ended."""
    received = collected.receive()
    if received is None:
        return OutFolder()
    (words, contents), files, start = received, {}, 0
    described, counts = words[: -len(_REASONS)], words[-len(_REASONS) :]
    for name, size in zip(described[0::2], described[1::2], strict=True):
        files[os.fsdecode(name)] = contents[start : start + int(size)]
        start += int(size)
    left_out = {reason: int(count) for reason, count in zip(_REASONS, counts, strict=True)}
    return OutFolder(files, {reason: count for reason, count in left_out.items() if count})
