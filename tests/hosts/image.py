"""The disk that virtual machines start from: made once, and again when what it is made from has changed."""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.hosts.architecture import Architecture
from tests.hosts.errors import HostsError
from tests.hosts.telling import Teller

ROOT: Final = Path(__file__).parent.parent.parent
_SCRIPT: Final = Path(__file__).parent / "build-image"
_SUITE: Final = "trixie"
_PACKAGES: Final = (
    *("initramfs-tools", "systemd-sysv", "systemd-timesyncd", "dbus", "dbus-user-session", "libpam-systemd", "udev"),
    *("openssh-server", "ca-certificates", "curl", "iproute2", "procps", "psmisc", "kmod", "less", "strace", "sudo"),
    *("apparmor", "apparmor-utils", "apparmor-profiles", "uidmap", "bubblewrap"),
    *("git", "make", "python3", "python3-venv", "haproxy", "rabbitmq-server"),
    *("gcc", "g++", "libc6-dev", "binutils-gold", "default-jdk-headless", "nodejs"),
    *("docker.io", "docker-cli", "docker-compose", "iptables", "rootlesskit"),
    *("podman", "crun", "netavark", "passt", "slirp4netns", "fuse-overlayfs"),
)
#: What must be here to make an image, by the Debian package that has it.
_TOOLS: Final = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "ssh-keygen": "openssh-client",
    "git": "git",
}
#: Where the kernel says what starts the programs of other processors.
_INTERPRETERS: Final = Path("/proc/sys/fs/binfmt_misc")


@dataclass(frozen=True)
class Image:
    """The files of a machine, all in one folder."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.raw"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def made_from(self) -> Path:
        return self.folder / "made-from"


def folder_of_images() -> Path:
    """PRECIEUX_HOSTS_DIR, or a folder in the user's cache."""
    if chosen := os.environ.get("PRECIEUX_HOSTS_DIR"):
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "precieux" / "hosts"


def find_or_build(folder: Path, architecture: Architecture, tell: Teller) -> Image:
    """The image in `folder`, made first if it is missing or was made from other packages."""
    image = Image(folder / architecture.debian)
    wanted = _digest(architecture)
    if image.made_from.exists() and image.made_from.read_text() == wanted:
        return image
    _need_tools(architecture)
    if os.geteuid() != 0:
        raise HostsError(f"Only root can make the image: run this once as root, with PRECIEUX_HOSTS_DIR={folder}.")
    image.made_from.unlink(missing_ok=True)
    with tell.step(f"making the image in {image.folder}; it takes some 5 minutes and 4 GB"):
        packages = (architecture.kernel_package, *_PACKAGES)
        command = [str(_SCRIPT), str(image.folder), architecture.debian, _SUITE, str(ROOT), *packages]
        if _run(command):
            raise HostsError("The image could not be made; see above.")
    image.made_from.write_text(wanted)
    return image


def _run(command: list[str]) -> int:
    """Return the exit code. Should we be stopped, the command tidies up before we end."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


def _digest(architecture: Architecture) -> str:
    """Of all that the image is made from, but for the checkout, which every run brings itself."""
    digest = hashlib.sha256(repr((architecture, _SUITE, _PACKAGES)).encode())
    for file in (_SCRIPT, *sorted((ROOT / "deploy/requirements").glob("*.txt"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _need_tools(architecture: Architecture) -> None:
    missing = [package for tool, package in _TOOLS.items() if not shutil.which(tool)]
    if not _runs_programs_of(architecture):
        missing.append("qemu-user-binfmt")
    if missing:
        raise HostsError(f"Making an image needs programs that are not here: run `apt install {' '.join(missing)}`.")


def _runs_programs_of(architecture: Architecture) -> bool:
    """Whether packages of it can be configured here: by the processor, or by QEMU, which the kernel must know of."""
    return platform.machine() == architecture.machine or (_INTERPRETERS / f"qemu-{architecture.machine}").exists()
