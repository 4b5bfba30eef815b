"""One run's own world: fresh namespaces, a fresh /proc, and one tmpfs that vanishes with the last process."""

import os
import socket

from executor.sandbox.keeper import kernel
from executor.sandbox.keeper.program import WORK
from executor.sandbox.keeper.protocol import Task

#: The wall has a link /tmp -> /box/tmp, and /dev/shm is mounted from here: one size limit holds for all of them.
_FOLDERS = (WORK, "/box/tmp", "/box/shm")
#: A program enters two more by itself, once it has joined its cgroup: `program.become`.
_NAMESPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWNET
#: Of each kernel file that tells about the host and not about the box, /dev/null takes the place.
_MASKED = ("kallsyms", "kcore", "keys", "key-users", "kmsg", "modules", "sched_debug", "sysrq-trigger", "timer_list")
_BYTES_PER_INODE = 4096


def build(task: Task, descriptors: list[int], user: int) -> None:
    """Called by process 1 of a new pid namespace. No submitted program has run yet, so paths are what they seem."""
    kernel.unshare(_NAMESPACES)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    private = kernel.MS_NOSUID | kernel.MS_NODEV
    inodes = max(task.disk_bytes // _BYTES_PER_INODE, 1024)
    kernel.mount("box", "/box", "tmpfs", private, f"size={task.disk_bytes},nr_inodes={inodes},mode=755")
    # hidepid: of processes that one may not trace, process 1 above all, there is nothing to see (proc(5)).
    kernel.mount("proc", "/proc", "proc", private | kernel.MS_NOEXEC, "hidepid=2")
    for name in _MASKED:
        if os.path.exists(f"/proc/{name}"):
            kernel.mount("/dev/null", f"/proc/{name}", None, kernel.MS_BIND)
    for folder in _FOLDERS:
        os.mkdir(folder, 0o755)
    kernel.mount("/box/shm", "/dev/shm", None, kernel.MS_BIND)  # noqa: S108
    for name, index, mode in task.files:
        _copy(descriptors[index], f"{WORK}/{name}", mode, user)
    for folder in _FOLDERS:
        os.chown(folder, user, user)
    socket.sethostname("box")
    kernel.raise_loopback()


def _copy(source: int, path: str, mode: int, user: int) -> None:
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    offset = 0
    while block := os.pread(source, 1 << 20, offset):
        offset += os.write(target, block)
    os.fchown(target, user, user)
    os.close(target)
