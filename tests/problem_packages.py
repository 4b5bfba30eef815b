"""Makes small problem packages from dictionaries of files."""

import io
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from shared.judging.packages.faults import PackageError
from shared.judging.packages.model import OperatorLimits, Package, PackageBounds, PackageFault
from shared.judging.packages.read import read_package

MIB: Final = 1 << 20
OPERATOR: Final = OperatorLimits(
    cpu_s=60,
    memory_bytes=4096 * MIB,
    output_bytes=64 * MIB,
    source_bytes=MIB,
    compile_cpu_s=60,
    compile_memory_bytes=2048 * MIB,
    judge_cpu_s=60,
    judge_memory_bytes=4096 * MIB,
    judge_output_bytes=64 * MIB,
)
BOUNDS: Final = PackageBounds(
    bytes=64 * MIB,
    files=1000,
    tests=100,
    test_bytes=MIB,
    checker_bytes=MIB,
    operator=OPERATOR,
    languages=frozenset({"c", "cpp", "dash", "java", "js", "kt", "pl", "prolog", "py"}),
)

#: A pass-fail problem of each generation, without metadata, and its tests.
TESTS: Final = {
    "data/sample/1.in": "1\n",
    "data/sample/1.ans": "2\n",
    "data/secret/01.in": "3\n",
    "data/secret/01.ans": "4\n",
    "submissions/accepted/sum.py": "print(int(input()) + 1)\n",
}
LEGACY: Final = {"problem.yaml": "name: Sum\n", **TESTS}
NEW_YAML: Final = "problem_format_version: 2025-09\nname: Sum\nuuid: 5e7a\n"
NEW: Final = {"problem.yaml": NEW_YAML, **TESTS}


def pack(files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> io.BytesIO:
    """Return a zip of these files, and of links by their targets."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text, zipfile.ZIP_DEFLATED)
        for path, target in (links or {}).items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, target)
    packed.seek(0)
    return packed


def read(files: Mapping[str, str | bytes], /, **bounds: int) -> Package:
    return read_package(pack(files), replace(BOUNDS, **bounds), name="sum")  # type: ignore[arg-type]


def faults_of(packed: io.BytesIO, **bounds: int) -> list[PackageFault]:
    """Return what is wrong with a package that cannot be used."""
    with pytest.raises(PackageError) as raised:
        read_package(packed, replace(BOUNDS, **bounds))  # type: ignore[arg-type]
    return raised.value.faults


def fault_texts(files: Mapping[str, str | bytes], /, **bounds: int) -> list[str]:
    """Return the faults of a package as `path: detail`."""
    return [f"{fault.path}: {fault.detail}" for fault in faults_of(pack(files), **bounds)]
