"""Makes the disk image that virtual machines boot from, and makes it again when its packages have changed."""

import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from tests.hosts.reporting import HostsError, say

ROOT: Final = Path(__file__).parent.parent.parent
_SCRIPT: Final = Path(__file__).parent / "build-image"
_SUITE: Final = "trixie"
_PACKAGES: Final = (
    "linux-image-cloud-amd64",
    *("initramfs-tools", "systemd-sysv", "systemd-timesyncd", "dbus", "dbus-user-session", "libpam-systemd", "udev"),
    *("openssh-server", "ca-certificates", "curl", "iproute2", "procps", "psmisc", "kmod", "less", "strace", "sudo"),
    *("apparmor", "apparmor-utils", "apparmor-profiles", "uidmap", "bubblewrap"),
    *("git", "make", "python3", "python3-venv", "haproxy", "rabbitmq-server"),
    *("gcc", "g++", "libc6-dev", "binutils-gold", "default-jdk-headless", "nodejs"),
    *("docker.io", "docker-cli", "docker-compose", "iptables"),
    *("podman", "crun", "netavark", "passt", "slirp4netns", "fuse-overlayfs"),
)
#: Programs that make an image, each with its Debian package.
_TOOLS: Final = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "ssh-keygen": "openssh-client",
    "git": "git",
}


def folder_of_images() -> Path:
    """Return PRECIEUX_HOSTS_DIR, or a folder in the user's cache."""
    if folder := os.environ.get("PRECIEUX_HOSTS_DIR"):
        return Path(folder)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "precieux" / "hosts"


def find_or_build(folder: Path) -> Path:
    """Return the image's own folder in `folder`. Make it first if it is missing or its packages have changed."""
    image = folder / "amd64"
    digest_file, digest = image / "made-from", _digest()
    if digest_file.exists() and digest_file.read_text() == digest:
        return image
    _need_tools()
    if os.geteuid() != 0:
        raise HostsError(f"Only root can make the image. Run this once as root, with PRECIEUX_HOSTS_DIR={folder}.")
    digest_file.unlink(missing_ok=True)
    say(f"making the image in {image}; this takes about 5 minutes and 4 GB")
    if _run([str(_SCRIPT), str(image), _SUITE, str(ROOT), *_PACKAGES]):
        raise HostsError("The image could not be made; see above.")
    digest_file.write_text(digest)
    return image


def _run(command: list[str]) -> int:
    """Run a command and return its exit code. If we are stopped, let the command clean up before we end."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


def _digest() -> str:
    """Return a digest of everything that the image is made from, except the checkout, which each run installs."""
    digest = hashlib.sha256(repr((_SUITE, _PACKAGES)).encode())
    for file in (_SCRIPT, *sorted((ROOT / "deploy/requirements").glob("*.txt"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _need_tools() -> None:
    if missing := [package for tool, package in _TOOLS.items() if not shutil.which(tool)]:
        raise HostsError(f"Programs that make the image are missing: run `apt install {' '.join(missing)}`.")
