"""The sandbox's part in C: it compiles without a warning, anew when it changes, and says what is wanting."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from executor.sandbox.init import build
from shared.errors import ConfigurationError

_SOURCES = Path(build.__file__).parent
_STRICT = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-fanalyzer", "-Werror")
_OTHER_MACHINES = sorted({"x86_64", "aarch64"} - {platform.machine()})


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copies = tmp_path / "init"
    shutil.copytree(_SOURCES, copies, ignore=shutil.ignore_patterns("*.so", "*.bin"))
    monkeypatch.setattr(build, "_FOLDER", copies)
    return copies


@pytest.mark.parametrize("compiler", ["gcc", *(f"{machine}-linux-gnu-gcc" for machine in _OTHER_MACHINES)])
@pytest.mark.parametrize("source", sorted(_SOURCES.glob("*.c")), ids=lambda source: source.name)
def test_the_compiler_and_its_analyzer_have_nothing_to_say(source: Path, compiler: str) -> None:
    if not (gcc := shutil.which(compiler)):
        pytest.skip(f"{compiler} is not on this machine")
    command = [gcc, *build.WORDS, *_STRICT, "-c", "-o", os.devnull, str(source)]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""


def test_it_is_compiled_once_and_again_when_a_source_has_changed(sources: Path) -> None:
    first = build.find_compiled()
    made = first.library.stat().st_mtime_ns
    assert build.find_compiled() == first
    assert first.library.stat().st_mtime_ns == made
    with (sources / "world.c").open("a") as source:
        source.write("/* Another word. */\n")
    second = build.find_compiled()
    assert second != first
    assert sorted(sources.glob("*-*")) == sorted([first.library, first.program, second.library, second.program])


def test_without_a_compiler_it_says_how_to_get_one(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"apt install gcc.*pip install ziglang"):
        build.find_compiled()


def test_a_compiler_that_hangs_is_given_up(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = tmp_path / "cc"
    hangs.write_text("#!/bin/sh\nexec sleep 60")
    hangs.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(hangs) if name == "cc" else None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(build, "_LONGEST_S", 0.1)
    with pytest.raises(ConfigurationError, match=r"cc took longer than 0.1 s"):
        build.find_compiled()


def test_a_compiler_that_cannot_be_started_leaves_it_to_the_next(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_bytes(b"\0")
    broken.chmod(0o755)
    gcc = shutil.which("gcc")
    monkeypatch.setattr(shutil, "which", lambda name: {"cc": str(broken), "gcc": gcc}.get(name))
    assert build.find_compiled().exists()


def test_others_may_read_and_run_it(sources: Path) -> None:
    before = os.umask(0o077)
    try:
        made = build.find_compiled()
    finally:
        os.umask(before)
    assert [file.stat().st_mode & 0o777 for file in (made.library, made.program)] == [0o755, 0o755]


def test_a_compiler_that_cannot_is_quoted(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sources / "world.c").write_text("#error no headers here\n")
    with pytest.raises(ConfigurationError, match="no headers here"):
        build.find_compiled()
    assert not list(sources.glob("*-*"))
