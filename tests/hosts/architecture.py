"""Processors that machines can have."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Architecture:
    """`emulated` is a processor that QEMU emulates quickly: of the newest features, those are left out that cost an
    emulator more than they save."""

    debian: str
    machine: str
    kernel_package: str
    qemu: str
    qemu_package: str
    board: str
    emulated: str
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
            emulated="max,la57=off,avx=off,avx2=off",
            console="ttyS0",
        ),
    )
}
