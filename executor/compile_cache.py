"""Compiled programs in memory: the same source, compiled again by the same command, need not be.

What a key stands for was made by the compiler alone. It was taken out of its box before any line of the program ran
(`init/artefacts.c`), and lies here in the executor, out of reach of every program.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from cachetools import LRUCache

from executor.sandbox.base import File, Job

#: Of all that is kept, one program may take up so much at most.
_LARGEST_SHARE = 8
#: What an entry takes besides the contents of its files, roughly.
_ENTRY_BYTES = 2048
#: Sources that ask when they are compiled (C and Fortran; Pascal): that changes from one second to the next.
_ASKS_THE_TIME = re.compile(rb"__DATE__|__TIME__|__TIMESTAMP__|%(?:DATE|TIME)", re.IGNORECASE)

Artefacts = Mapping[str, File]


class CompileCache:
    """Bounded; whatever was not used for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: LRUCache[bytes, Artefacts] = LRUCache(most_bytes, getsizeof=_size)

    @property
    def largest(self) -> int:
        """Bytes that the files of one program may have; 0 when nothing is kept at all."""
        return self._most_bytes // _LARGEST_SHARE

    def get(self, key: bytes) -> Artefacts | None:
        return self._entries.get(key)

    def put(self, key: bytes, artefacts: Artefacts) -> None:
        with suppress(ValueError):  # larger than all that may be kept
            self._entries[key] = artefacts


def key_of(job: Job, toolchain: Iterable[str]) -> bytes | None:
    """A key for what the job's first step makes, of all that it depends on: the files' names and contents, the command,
    its environment, and the toolchain. None where it depends on more.
    """
    if any(_ASKS_THE_TIME.search(file.content) for file in job.files.values()):
        return None
    step = job.steps[0]
    files = {name: hashlib.sha256(file.content).hexdigest() for name, file in job.files.items()}
    commands = [step.argv, step.shortcut and step.shortcut.commands]
    parts = json.dumps([files, commands, step.environment, list(toolchain)], sort_keys=True)
    return hashlib.sha256(parts.encode()).digest()


def _size(artefacts: Artefacts) -> int:
    return sum(len(file.content) for file in artefacts.values()) + _ENTRY_BYTES
