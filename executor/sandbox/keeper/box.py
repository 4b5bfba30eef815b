"""One run's own world: fresh namespaces, a fresh /proc, and one tmpfs that vanishes with the last process."""

import os
import socket

from executor.sandbox.keeper import kernel
from executor.sandbox.keeper.protocol import WORK, Begin

#: The wall has a link /tmp -> /box/tmp, and /dev/shm is mounted from here: one size limit holds for all of them.
_FOLDERS = (WORK, "/box/tmp", "/box/shm")
#: A program enters two more by itself, once it has joined its cgroup: `program.confine`.
_NAMESPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWNET
#: Of each kernel file that tells about the host and not about the box, /dev/null takes the place.
_MASKED = ("kallsyms", "kcore", "keys", "key-users", "kmsg", "modules", "sched_debug", "sysrq-trigger", "timer_list")
_BYTES_PER_INODE = 4096


def build(disk_bytes: int, user: int) -> None:
    """Called by process 1 of a new pid namespace. No submitted program has run yet, so paths are what they seem."""
    kernel.unshare(_NAMESPACES)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    private = kernel.MS_NOSUID | kernel.MS_NODEV
    inodes = max(disk_bytes // _BYTES_PER_INODE, 1024)
    kernel.mount("box", "/box", "tmpfs", private, f"size={disk_bytes},nr_inodes={inodes},mode=755")
    # hidepid: of processes that one may not trace, process 1 above all, there is nothing to see (proc(5)).
    kernel.mount("proc", "/proc", "proc", private | kernel.MS_NOEXEC, "hidepid=2")
    # Terminals of its own: the wall's are everybody's.
    terminals = kernel.MS_NOSUID | kernel.MS_NOEXEC
    kernel.mount("devpts", "/dev/pts", "devpts", terminals, "newinstance,ptmxmode=0666,mode=620")
    for name in _MASKED:
        if os.path.exists(f"/proc/{name}"):
            kernel.mount("/dev/null", f"/proc/{name}", None, kernel.MS_BIND)
    for folder in _FOLDERS:
        os.mkdir(folder, 0o755)
        if folder != WORK:
            os.chown(folder, user, user)
    kernel.mount("/box/shm", "/dev/shm", None, kernel.MS_BIND)  # noqa: S108
    socket.sethostname("box")
    kernel.raise_loopback()


def furnish(begin: Begin, descriptors: list[int], user: int) -> None:
    """Write the files of the work folder, and hand it over. Still no submitted program has run."""
    folders = [WORK]
    for name, index, mode in begin.files:
        _make_folders(os.path.dirname(name), folders)
        target = os.open(f"{WORK}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            _copy(descriptors[index], target)
            os.fchown(target, user, user)
        finally:
            os.close(target)
    for folder in folders:
        os.chown(folder, user, user)


def _make_folders(name: str, made: list[str]) -> None:
    folder = WORK
    for part in filter(None, name.split("/")):
        folder = f"{folder}/{part}"
        if folder not in made:
            os.mkdir(folder, 0o755)
            made.append(folder)


def _copy(source: int, target: int) -> None:
    offset = 0
    while block := os.pread(source, 1 << 20, offset):
        offset += os.write(target, block)
