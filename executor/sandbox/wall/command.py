"""The bubblewrap command of the wall, which starts the keeper on a minimal, read-only file system without network.

The keeper makes boxes inside it, so a box that fails to hide something cannot expose what the wall does not contain:
home folders, root's files, the host's configuration except that of toolchains, and the host's processes.
"""

import io
import os
import zipfile
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType

from executor.sandbox.base import HEADERS, PRELOAD, RUNTIMES, find_python, preload_files
from executor.sandbox.init.build import find_compiled
from executor.sandbox.wall import seccomp
from executor.sandbox.wall.mechanisms import Mechanisms
from executor.sandbox.wall.subordinate import Gate

_CAP_SYS_ADMIN = 21

#: The keeper needs these to make boxes (SYS_ADMIN, NET_ADMIN, CHOWN), to run them as other users (SETUID, SETGID,
#: SETPCAP), and to kill and measure their processes (KILL, SYS_PTRACE). Without cgroups, it needs SYS_NICE to let them
#: give way.
_CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "CHOWN", "SETUID", "SETGID", "SETPCAP", "KILL", "SYS_PTRACE")

_SETTINGS = Path("/etc")
#: The configuration of toolchains. The rest of /etc stays hidden, including that of PHP's `fpm`, which may contain
#: passwords.
_ETC = (
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "fonts",
    "java-*",
    "ssl/certs/java",
    "mono",
    "perl",
    "php/*/cli",
    "php/*/mods-available",
    "lua",
    "fpc*.cfg",
    "ldc2.conf",
    "R",
    "racket",
)

#: Configuration that is elsewhere on the host, by its folder inside. /var/lib as a whole stays hidden.
_MOVED = MappingProxyType({"/etc/ghc": Path("/var/lib/ghc")})

#: Files that do not come from the host, because its own reveal its users and network.
_FILES = {
    "/etc/passwd": "root:x:0:0:root:/:/usr/sbin/nologin\nuser:x:1000:1000:user:/box/work:/bin/sh\n",
    "/etc/group": "root:x:0:\nuser:x:1000:\n",
    "/etc/hosts": "127.0.0.1 localhost box\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
#: Boxes mount these over folders and files of the kernel.
_EMPTY, _EMPTY_FILE = "/empty", "/empty-file"
# A box mounts its own files over /box, so programs cannot see these.
_KEEPER = "/box/keeper.pyz"
_ZYGOTE = "/box/zygote.py"
_INIT = "/box/init.so"
_ZYGOTE_PROGRAM = "/box/zygote"


def is_privileged() -> bool:
    """Return True if this process is root with CAP_SYS_ADMIN. Otherwise it needs a user namespace of its own."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    return os.geteuid() == 0 and bool(effective >> _CAP_SYS_ADMIN & 1)


def build_wall(mechanisms: Mechanisms, descriptors: list[int], gate: Gate | None = None) -> list[str]:
    """Return the command for a keeper that is root, or only root of its own user namespace. It expects the keeper's
    socket as standard input. The process inherits the descriptors that this function appends to `descriptors`.

    A `gate` maps users of that namespace for boxes.
    """
    argv = [str(mechanisms.bubblewrap), "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    argv += namespaces(mechanisms.privileged)
    if not mechanisms.cgroups or mechanisms.cgroups.version == 1:
        # Then the keeper cannot move processes out of the executor's cgroup (ADR 14).
        argv.append("--unshare-cgroup-try")
    if not mechanisms.privileged:
        # Mapping our own id, which is 0 inside, into a box also needs SETFCAP (user_namespaces(7)).
        argv += gate.options if gate else ["--cap-add", "CAP_SETFCAP"]
    for capability in (*_CAPABILITIES, *(() if mechanisms.cgroups else ("SYS_NICE",))):
        argv += ["--cap-add", f"CAP_{capability}"]
    argv += system_folders()
    shown = [path for pattern in _ETC for path in sorted(_SETTINGS.glob(pattern))]
    parents = {parent for path in shown for parent in path.parents if parent.is_relative_to(_SETTINGS)}
    # Without this, bubblewrap makes these folders readable only by root.
    for folder in (*map(str, sorted({_SETTINGS, *parents})), "/var", PRELOAD):
        argv += ["--perms", "0755", "--dir", folder]
    for path in shown:
        argv += ["--ro-bind", str(path), str(path)]
    moved = {inside: outside for inside, outside in _MOVED.items() if outside.is_dir()}
    folders = {HEADERS: mechanisms.headers, RUNTIMES: mechanisms.runtimes, **mechanisms.libraries}
    for inside, outside in {**moved, **folders}.items():
        for parent in reversed(Path(inside).parents[:-1]) if outside else ():
            argv += ["--perms", "0755", "--dir", str(parent)]
        argv += ["--ro-bind", str(outside), inside] if outside else []
    argv += ["--proc", "/proc", "--dev", "/dev", "--dir", "/box", "--perms", "0555", "--dir", _EMPTY]
    # For zygotes, because some libraries write to /tmp when they are imported. Boxes mount their own over it.
    argv += ["--perms", "0700", "--tmpfs", "/box/tmp"]
    argv += ["--symlink", "/box/tmp", "/tmp", "--symlink", "/box/tmp", "/var/tmp"]  # noqa: S108
    files = {name: text.encode() for name, text in _FILES.items()} | {_EMPTY_FILE: b""}
    files |= {_KEEPER: _archive(), _ZYGOTE: (_files_of("zygote") / "start.py").read_bytes()}
    compiled = find_compiled(mechanisms.init)
    files |= {_INIT: compiled.library.read_bytes(), _ZYGOTE_PROGRAM: compiled.program.read_bytes()}
    files |= {f"{PRELOAD}/{file.name}": file.read_bytes() for file in preload_files().iterdir()}
    for name, content in files.items():
        descriptors.append(_in_memory(content))
        permissions = "0555" if name == _ZYGOTE_PROGRAM else "0444"
        argv += ["--perms", permissions, "--file", str(descriptors[-1]), name]
    descriptors.append(_in_memory(seccomp.for_the_wall()))
    argv += ["--seccomp", str(descriptors[-1])]
    argv += ["--remount-ro", "/dev", "--remount-ro", "/", "--setenv", "LANG", "C.UTF-8", "--chdir", "/"]
    return [*argv, find_python(), "-I", "-S", "-B", _KEEPER]


def namespaces(privileged: bool) -> list[str]:
    """Return bubblewrap's options for the namespaces of the wall."""
    argv = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    return argv if privileged else [*argv, "--unshare-user", "--uid", "0", "--gid", "0"]


def system_folders() -> list[str]:
    """Return bubblewrap's options for /usr and for /bin, /lib and so on, which are links into it or folders."""
    argv = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            argv += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            argv += ["--ro-bind", str(path), str(path)]
    return argv


def _archive() -> bytes:
    """Return the keeper's code as an archive that Python runs, so that no path of the host is mounted for it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("__main__.py", "from executor.sandbox.keeper.__main__ import main\nraise SystemExit(main())\n")
        for package in ("executor", "executor.sandbox"):
            archive.writestr(f"{package.replace('.', '/')}/__init__.py", "")
        for package in ("keeper", "zygote"):
            for file in _files_of(package).iterdir():
                if file.name.endswith(".py"):
                    archive.writestr(f"executor/sandbox/{package}/{file.name}", file.read_bytes())
    return buffer.getvalue()


def _files_of(package: str) -> Traversable:
    return resources.files(f"executor.sandbox.{package}")


def _in_memory(content: bytes) -> int:
    descriptor = os.memfd_create("wall", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
