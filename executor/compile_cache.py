"""Keeps compiled programs in memory, so that the same source with the same command is compiled once (ADR 15).

No program can change an entry. The files are taken out of the box before the program starts (`init/artefacts.c`), and
the executor's memory is outside of all boxes.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from cachetools import LRUCache

from executor.sandbox.base import Job, StepResult

#: The part of the cache that the files of one program may take.
_LARGEST_PART = 1 / 8
#: The memory that an entry takes besides the contents of its files, roughly.
_ENTRY_BYTES = 2048
#: The macros for the time of compilation (C and Fortran; Pascal). A source with one compiles differently every second.
_USES_THE_TIME = re.compile(rb"__DATE__|__TIME__|__TIMESTAMP__|%(?:DATE|TIME)", re.IGNORECASE)


class CompileCache:
    """A bounded cache that drops the least recently used program first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: LRUCache[bytes, StepResult] = LRUCache(most_bytes, getsizeof=_size)

    @property
    def largest(self) -> int:
        """Bytes that the files of one program may have; 0 if the cache is off."""
        return int(self._most_bytes * _LARGEST_PART)

    def get(self, key: bytes) -> StepResult | None:
        return self._entries.get(key)

    def put(self, key: bytes, compiled: StepResult) -> None:
        """Keep the artefacts and the compiler's output. The next time they take no time."""
        with suppress(ValueError):  # larger than the whole cache
            self._entries[key] = replace(compiled, cpu_s=0.0, wall_s=0.0, memory_bytes=0)


def key_of(job: Job, toolchain: Iterable[str]) -> bytes | None:
    """Return a key for the artefacts of the job's first step, or None if they depend on the time of compilation.

    The key covers the files' names and contents, the command, its environment and the toolchain.
    """
    if any(_USES_THE_TIME.search(file.content) for file in job.files.values()):
        return None
    step = job.steps[0]
    files = {name: hashlib.sha256(file.content).hexdigest() for name, file in job.files.items()}
    commands = [step.argv, step.shortcut and step.shortcut.commands, step.merge_output]
    parts = json.dumps([files, commands, step.environment, list(toolchain)], sort_keys=True)
    return hashlib.sha256(parts.encode()).digest()


def _size(compiled: StepResult) -> int:
    return sum(len(file.content) for file in compiled.artefacts.values()) + len(compiled.stdout) + _ENTRY_BYTES
