"""Parsing a driver's output. `tests/contract/test_gcc_driver.py` tests that the result compiles the same program."""

from pathlib import Path

import pytest

from executor.catalogue import gcc_driver

_COMPILER = ' /usr/lib/gcc/cc1 -quiet main.c -dumpbase main.c "-std=gnu17" -o - |'
_ASSEMBLER = " as --64 -o /tmp/ccAb12_z.o"


def _output(*lines: str) -> str:
    return "\n".join(["Using built-in specs.", "COLLECT_GCC=gcc", *lines, "COLLECT_GCC_OPTIONS='-o' 'main'"])


def _linker(*words: object) -> str:
    return f" /usr/lib/gcc/collect2 -o main {' '.join(map(str, words))} /tmp/ccAb12_z.o"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "libm.so").write_text(
        "/* GNU ld script\n*/\nGROUP ( /lib/libm.so.6 AS_NEEDED ( /lib/libmvec.so.1 ) )\n"
    )
    (tmp_path / "libgcc.a").write_bytes(b"!<arch>\n")
    (tmp_path / "libgcc_s.so").write_text("GROUP ( libgcc_s.so.1 -lgcc )\n")
    (tmp_path / "libgcc_s.so.1").write_bytes(b"\x7fELF")
    return tmp_path


def test_commands_use_scratch_files_of_one_name(folder: Path) -> None:
    shortcut = gcc_driver.parse(_output(_COMPILER, _ASSEMBLER, _linker("-plugin lto.so -plugin-opt=-x --build-id")))
    assert shortcut
    assert shortcut.commands == (
        ("/usr/lib/gcc/cc1", "-quiet", "main.c", "-dumpbase", "main.c", "-std=gnu17", "-o", "-"),
        ("/usr/bin/as", "--64", "-o", "/tmp/made.o"),
        ("/usr/bin/ld", "-o", "main", "--build-id", "/tmp/made.o"),
    )
    assert shortcut.leaves == ("/tmp/made.o",)


def test_the_chosen_linker_gets_the_file_of_each_library(folder: Path) -> None:
    words = ("-fuse-ld=gold", f"-L{folder}", f"-L{folder}/../{folder.name}", "-lm", "-lgcc_s", "-lgcc")
    shortcut = gcc_driver.parse(_output(_COMPILER, _ASSEMBLER, _linker(*words)))
    assert shortcut
    files = [f"{folder}/{name}" for name in ("libm.so", "libgcc_s.so.1", "libgcc.a")]
    assert shortcut.commands[2] == ("/usr/bin/ld.gold", "-o", "main", *files, "/tmp/made.o")


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (_COMPILER, _ASSEMBLER),
        (_COMPILER, _ASSEMBLER, _ASSEMBLER, _linker()),
        (_COMPILER.removesuffix(" |"), _ASSEMBLER, _linker()),
        (_COMPILER.replace("cc1", "rustc"), _ASSEMBLER, _linker()),
        (_COMPILER, _ASSEMBLER.replace("as", "llvm-mc"), _linker()),
        (_COMPILER, _ASSEMBLER, _linker().replace("collect2", "lto-wrapper")),
        (_COMPILER, _ASSEMBLER, _linker("-L/nowhere", "-lnothing")),
        (_COMPILER, _ASSEMBLER, _linker('"unfinished')),
        (_COMPILER, _ASSEMBLER, _linker("/tmp/ccOther1.o")),
    ],
)
def test_unrecognized_output_falls_back_to_the_driver(lines: tuple[str, ...]) -> None:
    assert gcc_driver.parse(_output(*lines)) is None


def test_a_script_with_other_libraries_needs_the_driver(folder: Path) -> None:
    assert gcc_driver.parse(_output(_COMPILER, _ASSEMBLER, _linker(f"-L{folder}", "-lgcc_s"))) is None
