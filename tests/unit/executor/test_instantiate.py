"""The compiler's plugin instantiates all templates that the header asks for, and no others."""

import shutil
import subprocess
from pathlib import Path

import pytest

from executor.sandbox.base import preload_files

_GXX = shutil.which("g++")

pytestmark = pytest.mark.skipif(_GXX is None, reason="g++ is not on this machine")

_HEADER = """
template <typename T> struct Inner { T held() { return T(); } };
template <typename T> struct Outer { T held() { return Inner<T>().held(); } };
inline int made() { return Outer<int>().held(); }

template <typename T> struct Unmade { void fails() { static_assert(sizeof(T) == 0); } };
inline void taken(Unmade<int> &) {}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a header, and the same header precompiled in `ahead/`."""
    tmp_path = tmp_path_factory.mktemp("instantiate")
    (tmp_path / "header.h").write_text(_HEADER)
    (tmp_path / "ahead.cpp").write_text('#include "header.h"\n#pragma precieux instantiate\n')
    source = str(preload_files() / "instantiate.c")
    _gxx(tmp_path, "-x", "c", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", "made.so", source)
    _gxx(tmp_path, "-fplugin=./made.so", "-x", "c++-header", "-o", "ahead/header.h.gch", "ahead.cpp")
    (tmp_path / "plain").mkdir()
    (tmp_path / "header.h").rename(tmp_path / "plain" / "header.h")
    return tmp_path


def _gxx(folder: Path, *words: str) -> str:
    assert _GXX
    (folder / "ahead").mkdir(exist_ok=True)
    done = subprocess.run([_GXX, *words], cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def _compiled(folder: Path, headers: str, program: str) -> str:
    """Return the functions that GCC compiles, which `-Q` prints."""
    (folder / "program.cpp").write_text(program)
    output = _gxx(folder, f"-I{headers}", "-Q", "-S", "-o", "program.s", "program.cpp")
    return output.partition("\n")[0]


def test_functions_of_the_header_are_instantiated(folder: Path) -> None:
    program = '#include "header.h"\nint main() {}\n'
    left = _compiled(folder, "plain", program)
    assert "Outer<T>::held" in left
    assert "Inner<T>::held" in left
    assert _compiled(folder, "ahead", program).strip() == "int main()"


def test_a_program_may_instantiate_more(folder: Path) -> None:
    program = '#include "header.h"\nint main() { return Outer<char>().held() + made(); }\n'
    assert "char" in _compiled(folder, "ahead", program)
    assert _compiled(folder, "ahead", program).count("T = int") == 0
    _gxx(folder, "-o", "program", "program.s")
    subprocess.run([folder / "program"], check=True)


def test_templates_of_the_library_are_instantiated(folder: Path) -> None:
    (folder / "ahead.cpp").write_text("#include <iostream>\n#pragma precieux instantiate\n")
    _gxx(folder, "-fplugin=./made.so", "-x", "c++-header", "-o", "ahead/iostream.gch", "ahead.cpp")
    (folder / "program.cpp").write_text("#include <iostream>\nint main() { std::cout << 1; }\n")
    output = _gxx(folder, "-Iahead", "-Winvalid-pch", "-Q", "-S", "-o", "program.s", "program.cpp")
    assert output.split("\n")[0].strip().startswith("int main()")
