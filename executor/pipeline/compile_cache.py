"""Keeps compiled programs in memory, so that the same source with the same command is compiled once (ADR 21).

No program can change an entry. The files are taken out of the box of the compiler (`init/collect.c`),
and the executor's memory is outside of all boxes.
"""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from cachetools import LRUCache

from executor.catalogue.installed import Installed
from executor.sandbox.base import Job, StepResult

#: The part of the cache that the files of one program may take.
_MAX_PART = 1 / 8
#: The memory that an entry, and each of its files, takes besides names and contents, roughly.
_ENTRY_BYTES, _FILE_BYTES = 2048, 512
#: What a source writes to get the time of compilation, in letters, `%` and `_` alone: the macros of C, D, Fortran and
#: NASM, Pascal's, COBOL's function and Ada's. A source with one compiles differently every second.
_USES_THE_TIME = re.compile(
    rb"__(?:UTC_|POSIX_)?(?:DATE|TIME|TIMESTAMP)(?:_NUM)?__|%(?:DATE|TIME)|WHENCOMPILED|COMPILATION_(?:ISO_)?(?:DATE|TIME)",
    re.IGNORECASE,
)
#: Everything else. It is left out first, because a name may be put together of parts: `__TI\<line feed>ME__`, `__TI ##
#: ME__`, or D's `"__TI" ~ "ME__"`.
_OTHERS = bytes(byte for byte in range(256) if not (chr(byte).isascii() and (chr(byte).isalpha() or byte in b"%_")))


class CompileCache:
    """A bounded cache that drops the least recently used program first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: LRUCache[bytes, StepResult] = LRUCache(max_bytes, getsizeof=_size)
        #: The compilations under way. Each ends with what those who wait for it get, or is cancelled.
        self._under_way: dict[bytes, asyncio.Future[StepResult | None]] = {}

    @property
    def largest(self) -> int:
        """Bytes that the files of one program may have; 0 if the cache is off."""
        return int(self._max_bytes * _MAX_PART)

    def get(self, key: bytes) -> StepResult | None:
        return self._entries.get(key)

    @asynccontextmanager
    async def once(self, key: bytes | None) -> AsyncGenerator[StepResult | None]:
        """Yield how the program compiles. With None the caller compiles it in the context, and calls `share`.

        While one caller compiles, others with its key wait. If it leaves the context without `share`, because it was
        cancelled or failed, the next one compiles. If its result is not for others, each of them compiles.
        """
        if key is None:
            yield None
            return
        while waited_for := self._under_way.get(key):
            await asyncio.wait([waited_for])
            if not waited_for.cancelled():
                yield waited_for.result()
                return
        if compiled := self.get(key):
            yield compiled
            return
        under_way = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            yield None
        finally:
            if not under_way.done():
                del self._under_way[key]
                under_way.cancel()

    def share(self, key: bytes | None, compiled: StepResult, *, keep: bool = True) -> None:
        """Pass a result to those who wait for it, and `keep` its files. The next time they take no time.

        A result is not passed on if something else than the source was its reason.
        """
        if key is None:
            return
        files = compiled.compiled_files
        compiled = replace(compiled, cpu_s=0.0, wall_s=0.0, waited_s=0.0, memory_bytes=0)
        if keep and 0 < sum(len(file.content) for file in files.values()) <= self.largest:
            with suppress(ValueError):  # its output makes it larger than the whole cache
                self._entries[key] = compiled
        if waited_for := self._under_way.pop(key, None):
            is_rejected = compiled.stopped is None and bool(compiled.exit_code)
            waited_for.set_result(compiled if files or is_rejected else None)


def key_of(job: Job, toolchain: Iterable[str]) -> bytes | None:
    """Return a key for the files that the job compiles, or None if they depend on the time of compilation.

    The key covers the files' names and contents, the toolchain, and the whole step: its command, environment, limits
    and what is kept of its output. A verdict must not depend on whether somebody else had a source compiled before.
    """
    if any(_USES_THE_TIME.search(file.content.translate(None, _OTHERS)) for file in job.files.values()):
        return None
    files = {name: hashlib.sha256(file.content).hexdigest() for name, file in job.files.items()}
    step = replace(job.step, environment=dict(sorted(job.step.environment.items())))
    parts = json.dumps([sorted(files.items()), repr(step), list(toolchain)])
    return hashlib.sha256(parts.encode()).digest()


def identity(installed: Installed) -> tuple[str, ...]:
    """Return the version of the toolchain, and the device, inode, size and time of its programs' files."""
    return (installed.info, *(_fingerprint(path) for path in installed.tools.values() if os.path.isabs(path)))


def _fingerprint(path: str) -> str:
    try:
        file = os.stat(path)
    except OSError:
        return path
    return f"{path} {file.st_dev} {file.st_ino} {file.st_size} {file.st_mtime_ns}"


def _size(compiled: StepResult) -> int:
    files = sum(len(name) + len(file.content) + _FILE_BYTES for name, file in compiled.compiled_files.items())
    return files + len(compiled.stdout) + len(compiled.stderr) + _ENTRY_BYTES
