"""The wheel: its contents, the machines that it runs on, and the first result of a user without a compiler."""

import os
import re
import resource
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from uv import find_uv_bin

from shared.common.version import VERSION
from tests.fixtures.gate import leave_out
from tests.fixtures.ordinary_user import OrdinaryUser, ordinary_user
from tests.fixtures.uv import PYTHONS, ROOT, index, is_installed, uv
from tests.fixtures.wheels import MACHINES, build, build_source_archive

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_TOP: Final = {"api_service", "executor", "job_runner", "precieux", "precieux_client", "queue_consumer", "shared"}
#: The most packages that a user may have to download, and the most CPU time until a first result.
_MAX_PACKAGES: Final = 80
_MAX_CPU_SECONDS: Final = 30


@pytest.fixture(params=MACHINES)
def wheel(request: pytest.FixtureRequest, wheels: dict[str, Path]) -> Path:
    return wheels[request.param]


def test_it_holds_the_system_and_the_samples_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    metadata = f"precieux-{VERSION}.dist-info"
    assert {name.partition("/")[0] for name in names} == {*_TOP, metadata}
    packed = {name.removeprefix("precieux/sample_programs/") for name in names if "/sample_programs/" in name}
    samples = ROOT / "samples"
    assert packed == {file.relative_to(samples).as_posix() for file in samples.rglob("*") if file.is_file()}
    described = {file.relative_to(ROOT).as_posix() for file in (ROOT / "executor").rglob("*.toml")}
    assert described <= {*names}
    assert not [name for name in names if name.endswith(".pyc")]


def test_its_tag_and_its_c_part_agree(wheel: Path) -> None:
    machine = next(one for one in MACHINES if wheel.stem.endswith(one))
    assert wheel.name == f"precieux-{VERSION}-py3-none-manylinux_2_28_{machine}.whl"
    archive = zipfile.ZipFile(wheel)
    parts = [name for name in archive.namelist() if re.search(r"/init/.*\.(so|bin)$", name)]
    assert len(parts) == 2
    for name in parts:
        content = archive.read(name)
        assert machine in name
        assert int.from_bytes(content[18:20], "little") == {"x86_64": 62, "aarch64": 183}[machine]  # e_machine of ELF
        needed = [int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", content)]
        assert needed
        assert max(needed) <= 28


def test_the_source_archive_makes_the_same_wheel(wheels: dict[str, Path], tmp_path: Path) -> None:
    machine = os.uname().machine
    made = zipfile.ZipFile(build(machine, tmp_path / "wheel", build_source_archive(tmp_path)))
    expected = zipfile.ZipFile(wheels[machine])
    assert sorted(made.namelist()) == sorted(expected.namelist())
    metadata = f"precieux-{VERSION}.dist-info/METADATA"
    assert made.read(metadata) == expected.read(metadata)


@pytest.mark.parametrize("version", PYTHONS)
def test_it_resolves_on_every_python(wheel: Path, version: str, tmp_path: Path) -> None:
    machine = next(one for one in MACHINES if wheel.stem.endswith(one))
    wanted = tmp_path / "wanted.in"
    wanted.write_text(f"precieux @ {wheel.as_uri()}\n")
    platform = f"{machine}-manylinux_2_28"
    uv("pip", "compile", wanted, "--only-binary", ":all:", "--python-version", version, "--python-platform", platform)


@pytest.mark.parametrize("version", PYTHONS)
def test_it_starts_on_each_python_of_this_machine(wheels: dict[str, Path], version: str, tmp_path: Path) -> None:
    if not is_installed(version):
        leave_out(f"Python {version} is not on this machine")
    uv("venv", "--python", version, tmp_path / "venv")
    uv("pip", "install", "--python", tmp_path / "venv/bin/python", wheels[os.uname().machine])
    command = [str(tmp_path / "venv/bin/precieux"), "--version"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == f"precieux {VERSION}\n"


@pytest.fixture
def arm_root(tmp_path: Path) -> Path:
    """Return a folder with Debian's Python for ARM and what it needs."""
    if os.geteuid() != 0 or not (shutil.which("qemu-aarch64-static") and shutil.which("mmdebstrap")):
        leave_out("this needs root, qemu-user-static and mmdebstrap")
    if not any(Path("/usr/share/keyrings").glob("debian-archive-keyring.*")):
        leave_out("this needs debian-archive-keyring")
    root = tmp_path / "root"
    words = ["--mode=root", "--variant=extract", "--architectures=arm64", "--include=base-files,python3"]
    subprocess.run(["mmdebstrap", "--quiet", *words, "trixie", root], check=True)
    return root


def test_the_wheel_for_arm_starts_in_an_emulator(arm_root: Path, wheels: dict[str, Path], tmp_path: Path) -> None:
    """QEMU's emulation of single processes has no namespaces, so no program can be run in a box."""
    python = (arm_root / "usr/bin/python3").resolve()
    site = tmp_path / "site"
    words = ["--python-version", python.name.removeprefix("python"), "--python-platform", "aarch64-manylinux_2_28"]
    uv("pip", "install", "--target", site, "--only-binary", ":all:", *words, wheels["aarch64"])

    def output(*arguments: str) -> str:
        command = ["qemu-aarch64-static", "-L", str(arm_root), str(python), "-P", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert output("-m", "precieux", "--version") == f"precieux {VERSION}\n"
    found = output("-c", "from executor.sandbox.init import build; print(build.find_compiled(None).library)")
    assert found.startswith(f"{site}/executor/sandbox/init/init-aarch64-")


@pytest.fixture(scope="module")
def user() -> Iterator[OrdinaryUser]:
    if os.geteuid() != 0:
        leave_out("only root can be another user")
    with ordinary_user() as user:
        yield user


@pytest.fixture(scope="module")
def installed(user: OrdinaryUser, wheels: dict[str, Path]) -> Path:
    """Return the environment into which that user has installed the wheel."""
    command = shutil.copy2(find_uv_bin(), user.home)
    wheel = shutil.copy(wheels[os.uname().machine], user.home)
    for words in ("venv --python /usr/bin/python3 venv", f"pip install --python venv/bin/python {wheel}"):
        done = user.run(command, *words.split(), variables=index())
        assert done.returncode == 0, done.stderr
    return user.home / "venv"


def test_it_needs_few_packages(installed: Path) -> None:
    packages = list(installed.glob("lib/python3*/site-packages/*.dist-info"))
    assert 30 < len(packages) <= _MAX_PACKAGES


def test_a_user_without_a_compiler_gets_results(user: OrdinaryUser, installed: Path) -> None:
    assert user.run("sh", "-c", "command -v cc gcc clang tcc").stdout == ""
    before = {*user.home.iterdir()}
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = user.run(installed / "bin/precieux", "demo")
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    # CPU time is measured, because other tests that run now change the elapsed time.
    assert ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime < _MAX_CPU_SECONDS
    assert "hello.py\tok\tas expected" in done.stdout
    assert re.search(r"Left out: primes\.c\..* \(c\)", done.stdout)
    assert done.stdout.count("Subject: ") == 2
    # The C part of the wheel was loaded, and the demo left only the executor's cache.
    assert (user.home / ".cache/precieux/init").is_dir()
    assert not list(user.home.glob(".cache/precieux/init/*"))
    assert {*user.home.iterdir()} - before <= {user.home / ".cache"}


def test_uninstalling_leaves_only_what_the_manual_names(
    user: OrdinaryUser, installed: Path, wheels: dict[str, Path]
) -> None:
    assert user.run(installed / "bin/precieux", "migrate").returncode == 0
    done = user.run("./uv", "pip", "uninstall", "--python", "venv/bin/python", "precieux")
    assert done.returncode == 0, done.stderr
    (packages,) = installed.glob("lib/python3*/site-packages")
    assert not {path.name for path in packages.iterdir()} & _TOP
    assert not (installed / "bin/precieux").exists()
    folders = [user.home / name for name in (".cache", ".config", ".local/share", ".local/state")]
    made = {path for folder in folders if folder.exists() for path in folder.iterdir()} - {user.home / ".cache/uv"}
    assert made == {user.home / ".cache/precieux", user.home / ".local/share/precieux"}
    manual = (ROOT / "docs/how-to/uninstall.md").read_text()
    assert all(f"`~/{folder.relative_to(user.home)}`" in manual for folder in made)
    ours = {"uv", "venv", wheels[os.uname().machine].name}
    assert {path.name for path in user.home.iterdir()} == {".cache", ".local", *ours}
    temporary = {path for path in Path("/tmp").glob("precieux-*") if path.stat().st_uid == user.uid}
    assert temporary == {user.home}
