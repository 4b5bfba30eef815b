"""The sandbox's part in C compiles without a warning, where it is needed, and errors say what is missing."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from executor.sandbox.init import build
from shared.common.service.errors import ConfigurationError
from tests.fixtures.gate import leave_out

_SOURCES = Path(build.__file__).parent
_STRICT = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-fanalyzer", "-Werror")
_OTHER_MACHINES = sorted({"x86_64", "aarch64"} - {platform.machine()})


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copies = tmp_path / "init"
    shutil.copytree(_SOURCES, copies, ignore=shutil.ignore_patterns("*.so", "*.bin"))
    monkeypatch.setattr(build, "FOLDER", copies)
    return copies


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", *(f"{machine}-linux-gnu-gcc" for machine in _OTHER_MACHINES)])
@pytest.mark.parametrize("source", sorted(_SOURCES.glob("*.c")), ids=lambda source: source.name)
def test_the_compiler_and_its_analyzer_find_nothing(source: Path, compiler: str) -> None:
    if not (gcc := shutil.which(compiler)):
        leave_out(f"{compiler} is not on this machine")
    command = [gcc, *build.WORDS, *_STRICT, "-c", "-o", os.devnull, str(source)]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""


@pytest.mark.slow
def test_it_is_compiled_again_only_after_a_change(sources: Path) -> None:
    first = build.compile_into(sources)
    compiled_at = first.library.stat().st_mtime_ns
    assert build.compile_into(sources) == first
    assert first.library.stat().st_mtime_ns == compiled_at
    with (sources / "mounts.c").open("a") as source:
        source.write("/* Another word. */\n")
    second = build.compile_into(sources)
    assert second != first
    assert sorted(sources.glob("*-*")) == sorted([first.library, first.program, second.library, second.program])


def test_a_missing_compiler_is_reported_with_its_remedy(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"apt install gcc.*pip install ziglang"):
        build.compile_into(sources)


def test_a_compiler_that_hangs_is_killed(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = tmp_path / "cc"
    hangs.write_text("#!/bin/sh\nexec sleep 60")
    hangs.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(hangs) if name == "cc" else None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(build, "_TIMEOUT_S", 0.1)
    with pytest.raises(ConfigurationError, match=r"cc took longer than 0.1 s"):
        build.compile_into(sources)


@pytest.mark.slow
def test_the_next_compiler_is_used_if_one_cannot_start(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_bytes(b"\0")
    broken.chmod(0o755)
    gcc = shutil.which("gcc")
    monkeypatch.setattr(shutil, "which", lambda name: {"cc": str(broken), "gcc": gcc}.get(name))
    assert build.compile_into(sources).works()


@pytest.mark.slow
def test_other_users_may_read_and_run_it(sources: Path) -> None:
    before = os.umask(0o077)
    try:
        compiled = build.compile_into(sources)
    finally:
        os.umask(before)
    assert [file.stat().st_mode & 0o777 for file in (compiled.library, compiled.program)] == [0o755, 0o755]


@pytest.fixture
def shipped(sources: Path) -> Path:
    """Return a folder with sources and compiled files, as a wheel has them."""
    for file in (*_SOURCES.glob("*.so"), *_SOURCES.glob("*.bin")):
        shutil.copy2(file, sources)
    return sources


def test_a_c_part_that_loads_needs_no_cache(shipped: Path) -> None:
    assert build.find_compiled(None).library.parent == shipped


@pytest.mark.slow
def test_a_c_part_that_does_not_load_is_compiled(shipped: Path, tmp_path: Path) -> None:
    for library in shipped.glob("*.so"):
        library.write_bytes(b"\x7fELF of a newer C library")
    cache = tmp_path / "cache"
    cache.mkdir()
    found = build.find_compiled(cache)
    assert found.works()
    assert sorted(cache.iterdir()) == sorted([found.library, found.program])


def test_no_folder_to_compile_into_is_reported(sources: Path) -> None:
    with pytest.raises(ConfigurationError, match="set XDG_CACHE_HOME"):
        build.find_compiled(None)


@pytest.mark.slow
def test_the_compilers_error_is_quoted(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sources / "mounts.c").write_text("#error no headers here\n")
    with pytest.raises(ConfigurationError, match="no headers here"):
        build.compile_into(sources)
    assert not list(sources.glob("*-*"))
