"""A disk of a host: an ext4 file system in a file. It can become full, and it can lose its power.

A power cut is ext4's own ioctl for it, which the tests of Linux's file systems (xfstests) use too. The disk keeps what
was synchronised and loses the rest, as after the death of a machine.
"""

import errno
import fcntl
import os
import secrets
import struct
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

#: `FS_IOC_SHUTDOWN` of linux/fs.h, with the flag of linux/ext4.h that leaves the journal in memory unwritten.
_SHUTDOWN: Final = 0x8004587D
_NO_FLUSH: Final = struct.pack("I", 2)
_BALLAST: Final = "ballast"
_PIECE: Final = 1 << 20


class Disk:
    """Mounted at `folder` within `with`. Its content is in the folder `images`."""

    def __init__(self, images: Path, folder: Path, *, megabytes: int = 384) -> None:
        self.folder = folder
        self._images = images
        self._image = self._new_image()
        self._bytes = megabytes << 20

    def __enter__(self) -> Self:
        with self._image.open("wb") as file:
            file.truncate(self._bytes)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self.folder.mkdir()
        self._mount()
        return self

    def __exit__(self, *_: object) -> None:
        self._unmount()

    def synchronise(self) -> None:
        """Keep all that was written until now, as a machine does after half a minute."""
        _run("sync", "--file-system", str(self.folder))

    def fill(self) -> None:
        """Leave no room: every write to a new place fails with ENOSPC."""
        with (self.folder / _BALLAST).open("ab", buffering=0) as file:
            size = _PIECE
            while size >= 1 << 12:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
                except OSError as exc:
                    if exc.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def free(self) -> None:
        """Undo `fill`."""
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def cut_power(self) -> None:
        """Lose everything that was not synchronised. Until `repower`, reads and writes fail."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _NO_FLUSH)
        finally:
            os.close(descriptor)

    def repower(self) -> None:
        """Mount it again with what was synchronised. Processes that use it must be started again."""
        # A copy, because the old file system lives as long as any process has it in its list of mounts.
        after = self._new_image()
        _run("cp", "--sparse=always", str(self._image), str(after))
        self._unmount()
        self._image = after
        self._mount()

    def _new_image(self) -> Path:
        return self._images / f"{self.folder.name}-{secrets.token_hex(4)}.img"

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.folder))

    def _unmount(self) -> None:
        _run("umount", "--lazy", str(self.folder))
        self._image.unlink()


def obstacle() -> str | None:
    """Return why no disk can be made here, or None."""
    if os.geteuid() != 0:
        return "run as root"
    try:
        with TemporaryDirectory() as folder, Disk(Path(folder), Path(folder) / "probe", megabytes=8) as disk:
            disk.cut_power()
            disk.repower()
    except (OSError, subprocess.CalledProcessError) as exc:
        return f"e2fsprogs and the kernel's ext4 and loop devices are needed: {exc}"
    return None


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
