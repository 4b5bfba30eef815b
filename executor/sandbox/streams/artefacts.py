"""Reads the files that a step made (init/artefacts.c)."""

import os

from executor.sandbox.base import File
from executor.sandbox.streams.collected import CollectedFiles


def receive_artefacts(collected: CollectedFiles) -> dict[str, File]:
    """Return the files by name, after the step has ended; {} if none were sent."""
    received = collected.receive()
    if received is None:
        return {}
    (words, contents), files, start = received, {}, 0
    for name, mode, size in zip(words[0::3], words[1::3], words[2::3], strict=True):
        files[os.fsdecode(name)] = File(contents[start : start + int(size)], int(mode))
        start += int(size)
    return files
