"""The files that a stage made, taken out of its box by process 1.

They are taken while nothing else lives in the box: the stage has ended, all that it left was killed, and no other has
started. So nobody can exchange a file between a look at it and its reading, and no line of a submitted program has run.
What is there was made by a compiler; its names, kinds and sizes are looked at nevertheless.
"""

import fcntl
import os
import socket
import stat
from collections.abc import Collection

from executor.sandbox.keeper.protocol import MAX_ARTEFACTS, WORK, Artefacts, Begin, encode

_BLOCK = 1 << 20
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

#: Name, mode and size, as in `Artefacts`.
File = tuple[str, int, int]


def hand_out(begin: Begin, descriptor: int) -> None:
    """Send what the first stage made to the socket."""
    files, copies = collect(WORK, {name for name, _, _ in begin.files}, begin.collect_bytes)
    try:
        with socket.socket(fileno=os.dup(descriptor)) as receiver:
            socket.send_fds(receiver, [encode(Artefacts(tuple(files)))], copies)
    finally:
        for copy in copies:
            os.close(copy)


def collect(folder: str, given: Collection[str], most_bytes: int) -> tuple[list[File], list[int]]:
    """What lies in `folder` besides the files `given`, and a sealed copy of each, as a descriptor.

    All of it or nothing: what is too much, or anything but regular files, is not to be had in part.
    """
    files: list[File] = []
    copies: list[int] = []
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        names = sorted(set(os.listdir(directory)) - set(given))
        if len(names) > MAX_ARTEFACTS:
            raise Refused
        for name in names:
            file, copy = _take(name, directory, most_bytes)
            files.append(file)
            copies.append(copy)
            most_bytes -= file[2]
    except (OSError, Refused):
        for copy in copies:
            os.close(copy)
        return [], []
    finally:
        os.close(directory)
    return files, copies


class Refused(Exception):
    """This is not to be taken."""


def _take(name: str, directory: int, most_bytes: int) -> tuple[File, int]:
    # A link is an error, and opening a FIFO does not wait for somebody to write.
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most_bytes:
            raise Refused
        return (name, status.st_mode & 0o755, status.st_size), _copy(source, status.st_size)
    finally:
        os.close(source)


def _copy(source: int, size: int) -> int:
    target = os.memfd_create("artefact", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        offset = 0
        while offset < size and (sent := os.sendfile(target, source, offset, min(size - offset, _BLOCK))):
            offset += sent
        fcntl.fcntl(target, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(target)
        raise
    return target
