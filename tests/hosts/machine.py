"""A virtual machine that is thrown away: booted from the image, set back to where it was after the boot, stopped."""

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from precieux.ports import free_ports
from tests.hosts.architecture import Architecture
from tests.hosts.errors import HostsError
from tests.hosts.guest import Guest
from tests.hosts.image import Image
from tests.hosts.telling import Teller

_KVM_BOOT_S: Final = 120
_EMULATED_BOOT_S: Final = 900
_SNAPSHOT_S: Final = 300
_SNAPSHOT: Final = "booted"


class Machine:
    """One that runs. `how` is "KVM" or "emulated"."""

    def __init__(self, guest: Guest, how: str, monitor: Path) -> None:
        self.guest = guest
        self.how = how
        self._monitor = monitor

    def remember(self) -> None:
        """Keep the state of now, for `set_back`."""
        self._order(f"savevm {_SNAPSHOT}")

    def set_back(self) -> None:
        """Be again what was remembered: memory, processes and disk."""
        self._order(f"loadvm {_SNAPSHOT}")

    def reboot(self) -> None:
        """Reboot it as its operator would, and return when a login works again."""
        before = self._boot()
        self.guest.run("root", "systemctl reboot", _SNAPSHOT_S)
        deadline = time.monotonic() + _EMULATED_BOOT_S
        while self._boot() in ("", before):
            if time.monotonic() > deadline:
                raise HostsError(f"The machine did not come up again within {_EMULATED_BOOT_S} s.")
            time.sleep(1)  # nobody tells us when a login will be possible

    def _boot(self) -> str:
        """Another word for each boot; nothing if nobody can log in."""
        return self.guest.run("root", "cat /proc/sys/kernel/random/boot_id", 60).output.strip()

    def _order(self, words: str) -> None:
        """Give QEMU's monitor a command, which answers with the next prompt when it is done."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as monitor:
            monitor.settimeout(_SNAPSHOT_S)
            monitor.connect(str(self._monitor))
            _read_to_prompt(monitor)
            monitor.sendall(f"{words}\n".encode())
            answer = _read_to_prompt(monitor)
        if "Error" in answer:
            raise HostsError(f"QEMU could not do `{words}`: {answer.strip()}")


@contextlib.contextmanager
def running_machine(
    image: Image, architecture: Architecture, tell: Teller, port: int | None = None
) -> Iterator[Machine]:
    """Boot a copy that leaves the image as it is; KVM where the kernel boots with it, else an emulated processor."""
    if not shutil.which(architecture.qemu):
        raise HostsError(f"{architecture.qemu} is not here: run `apt install {architecture.qemu_package}`.")
    guest = Guest(port or free_ports(1)[0], image.key)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="precieux-hosts-")))
        monitor = folder / "monitor"
        if os.access("/dev/kvm", os.W_OK) and platform.machine() == architecture.machine:
            command = _command(image, architecture, guest.port, monitor, ("-accel", "kvm", "-cpu", "host"))
            with tell.step("booting the machine with KVM"), contextlib.ExitStack() as attempt:
                if _boots(attempt.enter_context(_process(command, image)), guest, image, _KVM_BOOT_S):
                    stack.push(attempt.pop_all())
                    yield Machine(guest, "KVM", monitor)
                    return
            tell.say(f"KVM does not boot it ({_first_line(_log(image))}); the processor is emulated")
        emulation = ("-accel", "tcg,thread=multi,tb-size=1024", "-cpu", architecture.emulated)
        command = _command(image, architecture, guest.port, monitor, emulation, architecture.arguments)
        with tell.step("booting the machine, emulated"):
            process = stack.enter_context(_process(command, image))
            if not _boots(process, guest, image, _EMULATED_BOOT_S):
                raise HostsError(f"The machine did not come up; see {_console(image)} and {_log(image)}.")
        yield Machine(guest, "emulated", monitor)


def _command(
    image: Image, architecture: Architecture, port: int, monitor: Path, accelerator: tuple[str, ...], more: str = ""
) -> list[str]:
    """QEMU's command line. `more` are arguments of the kernel's."""
    cpus = max(2, os.cpu_count() or 2)
    arguments = f"root=/dev/vda rw quiet mitigations=off console={architecture.console} {more}"
    return [
        # Should we be killed outright, it goes as well.
        *("setpriv", "--pdeathsig", "KILL", "--", architecture.qemu, "-machine", architecture.board, *accelerator),
        *("-smp", str(min(4, cpus)), "-m", "4G", "-display", "none", "-snapshot"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", arguments),
        *("-drive", f"file={image.disk},format=raw,if=virtio,cache=unsafe"),
        *("-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:22"),
        *("-device", "virtio-net-pci,netdev=net0,romfile="),
        *("-device", "virtio-rng-pci", "-serial", f"file:{_console(image)}"),
        *("-monitor", f"unix:{monitor},server,nowait"),
    ]  # fmt: skip


@contextlib.contextmanager
def _process(command: list[str], image: Image) -> Iterator["subprocess.Popen[bytes]"]:
    # What the machine writes goes to a file without a name beside the image, and is gone with it.
    environment = {**os.environ, "TMPDIR": str(image.folder)}
    with _log(image).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _boots(process: "subprocess.Popen[bytes]", guest: Guest, image: Image, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        if guest.answers():
            return True
        if "KVM internal error" in _log(image).read_text(errors="replace"):
            return False
        time.sleep(1)  # nobody tells us when a login will be possible
    return False


def _read_to_prompt(monitor: socket.socket) -> str:
    text = b""
    while not text.rstrip().endswith(b"(qemu)"):
        piece = monitor.recv(4096)
        if not piece:
            raise HostsError("The machine has stopped.")
        text += piece
    return text.decode(errors="replace")


def _console(image: Image) -> Path:
    return image.folder / "console.log"


def _log(image: Image) -> Path:
    return image.folder / "qemu.log"


def _first_line(file: Path) -> str:
    return next(iter(file.read_text(errors="replace").splitlines()), "no reason given")
