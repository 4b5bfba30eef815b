"""The processor architectures of the virtual machines."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Architecture:
    """`emulated` is a processor that QEMU emulates quickly, and `arguments` are the kernel's command line for it. Both
    switch off what costs an emulator more than it saves: wide vectors, fast string moves (ERMS), and several views of
    one page (SMAP, PCID)."""

    debian: str
    machine: str
    kernel_package: str
    qemu: str
    qemu_package: str
    board: str
    emulated: str
    arguments: str
    console: str


ARCHITECTURES: Final = {
    one.debian: one
    for one in (
        Architecture(
            debian="amd64",
            machine="x86_64",
            kernel_package="linux-image-cloud-amd64",
            qemu="qemu-system-x86_64",
            qemu_package="qemu-system-x86",
            board="q35",
            emulated="max,la57=off,avx=off,avx2=off,erms=off,fsrm=off,smap=off,smep=off,umip=off,pcid=off",
            arguments="clearcpuid=rep_good nokaslr tsc=reliable",
            console="ttyS0",
        ),
        Architecture(
            debian="arm64",
            machine="aarch64",
            kernel_package="linux-image-cloud-arm64",
            qemu="qemu-system-aarch64",
            qemu_package="qemu-system-arm",
            board="virt",
            emulated="cortex-a72",
            arguments="",
            console="ttyAMA0",
        ),
    )
}
