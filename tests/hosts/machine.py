"""Boots a temporary virtual machine from the image, and saves and restores its state."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from precieux.host.ports import free_ports
from tests.hosts.guest import Guest
from tests.hosts.reporting import HostsError, say

_KVM_BOOT_S: Final = 120
_EMULATED_BOOT_S: Final = 900
_SNAPSHOT_S: Final = 300
_SNAPSHOT: Final = "booted"
_QEMU: Final = "qemu-system-x86_64"
#: A processor that QEMU emulates quickly, and the kernel's arguments for it. Both switch off what costs an emulator
#: more than it saves: wide vectors, fast string moves (ERMS), and several views of one page (SMAP, PCID).
_EMULATED: Final = "max,la57=off,avx=off,avx2=off,erms=off,fsrm=off,smap=off,smep=off,umip=off,pcid=off"
_EMULATED_ARGUMENTS: Final = "clearcpuid=rep_good nokaslr tsc=reliable"


class Machine:
    """A running virtual machine. `how` is "KVM" or "emulated"."""

    def __init__(self, guest: Guest, how: str, monitor: Path) -> None:
        self.guest = guest
        self.how = how
        self._monitor = monitor

    def save_snapshot(self) -> None:
        """Save memory, processes and disk for `restore_snapshot`."""
        self._send(f"savevm {_SNAPSHOT}")

    def restore_snapshot(self) -> None:
        """Return to the state that `save_snapshot` saved."""
        self._send(f"loadvm {_SNAPSHOT}")

    def reboot(self) -> None:
        """Reboot the machine as an operator does, and return when a login works again."""
        before = self._boot_id()
        self.guest.run("root", "systemctl reboot", _SNAPSHOT_S)
        deadline = time.monotonic() + _EMULATED_BOOT_S
        while self._boot_id() in ("", before):
            if time.monotonic() > deadline:
                raise HostsError(f"The machine did not reboot within {_EMULATED_BOOT_S} s.")
            time.sleep(1)  # there is no event to wait for

    def _boot_id(self) -> str:
        """Return an id that is new after each boot, or an empty string if no login works."""
        return self.guest.run("root", "cat /proc/sys/kernel/random/boot_id", 60).output.strip()

    def _send(self, words: str) -> None:
        """Send QEMU's monitor a command and wait for the next prompt, which comes when the command has ended."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as monitor:
            monitor.settimeout(_SNAPSHOT_S)
            monitor.connect(str(self._monitor))
            _read_to_prompt(monitor)
            monitor.sendall(f"{words}\n".encode())
            answer = _read_to_prompt(monitor)
        if "Error" in answer:
            raise HostsError(f"QEMU could not run `{words}`: {answer.strip()}")


@contextlib.contextmanager
def running_machine(image: Path) -> Iterator[Machine]:
    """Boot a copy of the image in this folder. Use KVM if the kernel boots with it, else an emulated processor."""
    if not shutil.which(_QEMU):
        raise HostsError(f"{_QEMU} is missing: run `apt install qemu-system-x86`.")
    guest = Guest(free_ports(1)[0], image / "key")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="precieux-hosts-")))
        monitor = folder / "monitor"
        if os.access("/dev/kvm", os.W_OK):
            command = _command(image, guest.port, monitor, ("-accel", "kvm", "-cpu", "host"))
            say("booting the machine with KVM")
            with contextlib.ExitStack() as attempt:
                if _boots(attempt.enter_context(_process(command, image)), guest, image, _KVM_BOOT_S):
                    stack.push(attempt.pop_all())
                    yield Machine(guest, "KVM", monitor)
                    return
            say(f"the machine does not boot with KVM ({_first_line(_log(image))}); emulating the processor")
        emulation = ("-accel", "tcg,thread=multi,tb-size=1024", "-cpu", _EMULATED)
        command = _command(image, guest.port, monitor, emulation, _EMULATED_ARGUMENTS)
        say("booting the machine, emulated")
        process = stack.enter_context(_process(command, image))
        if not _boots(process, guest, image, _EMULATED_BOOT_S):
            raise HostsError(f"The machine did not boot; see {_console(image)} and {_log(image)}.")
        yield Machine(guest, "emulated", monitor)


def _command(image: Path, port: int, monitor: Path, accelerator: tuple[str, ...], more: str = "") -> list[str]:
    """Return QEMU's command line. `more` are further arguments for the kernel."""
    cpus = max(2, os.cpu_count() or 2)
    arguments = f"root=/dev/vda rw quiet mitigations=off console=ttyS0 {more}"
    return [
        # If we are killed, QEMU is killed too.
        *("setpriv", "--pdeathsig", "KILL", "--", _QEMU, "-machine", "q35", *accelerator),
        *("-smp", str(min(4, cpus)), "-m", "4G", "-display", "none", "-snapshot"),
        *("-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.img"), "-append", arguments),
        *("-drive", f"file={image / 'disk.raw'},format=raw,if=virtio,cache=unsafe"),
        *("-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:22"),
        *("-device", "virtio-net-pci,netdev=net0,romfile="),
        *("-device", "virtio-rng-pci", "-serial", f"file:{_console(image)}"),
        *("-monitor", f"unix:{monitor},server,nowait"),
    ]  # fmt: skip


@contextlib.contextmanager
def _process(command: list[str], image: Path) -> Iterator["subprocess.Popen[bytes]"]:
    # QEMU keeps what the machine writes in a nameless file in TMPDIR, which is freed when it ends.
    environment = {**os.environ, "TMPDIR": str(image)}
    with _log(image).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _boots(process: "subprocess.Popen[bytes]", guest: Guest, image: Path, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        if guest.answers():
            return True
        if "KVM internal error" in _log(image).read_text(errors="replace"):
            return False
        time.sleep(1)  # there is no event to wait for
    return False


def _read_to_prompt(monitor: socket.socket) -> str:
    text = b""
    while not text.rstrip().endswith(b"(qemu)"):
        piece = monitor.recv(4096)
        if not piece:
            raise HostsError("The machine has stopped.")
        text += piece
    return text.decode(errors="replace")


def _console(image: Path) -> Path:
    return image / "console.log"


def _log(image: Path) -> Path:
    return image / "qemu.log"


def _first_line(file: Path) -> str:
    return next(iter(file.read_text(errors="replace").splitlines()), "no reason given")
