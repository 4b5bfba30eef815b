"""The operator's libraries: which folders a setting may name, and what is listed of them."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from executor.catalogue import libraries
from executor.catalogue.installed import Installed
from executor.catalogue.libraries import find_libraries
from executor.languages import known
from executor.languages.base import InstalledLibrary
from executor.pipeline.plan import commands_of, program_of
from executor.settings import ExecutorSettings
from shared.common.service.errors import ConfigurationError
from shared.engine_api.codex import RunRequest


def write_package(folder: Path, name: str, *files: str) -> None:
    """Write a package as pip leaves it. Its `files` are empty."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    (about / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def test_libraries_are_listed_with_their_modules(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    write_package(folder, "Zoo", "zoo/__init__.py", "zoo/ape.py", "Zoo-1.0.dist-info/METADATA", "../../bin/zoo")
    write_package(folder, "bird", "bird.py", "wing.cpython-313-x86_64-linux-gnu.so", "_bird.so", "__pycache__/b.pyc")
    listed = [(one.name, one.version, one.modules) for one in libraries.python_libraries(folder)]
    assert listed == [("bird", "1.0", ("bird", "wing")), ("Zoo", "1.0", ("zoo",))]


def test_a_folder_of_the_operator_is_used_as_it_is(tmp_path: Path) -> None:
    write_package(tmp_path, "bird", "bird.py")
    folders, found = find_libraries(ExecutorSettings(python_packages=tmp_path))
    ((inside, host),) = folders.items()
    assert host == tmp_path
    assert inside.startswith("/libraries/python/lib/python3.")
    assert [one.name for one in found["py"]] == ["bird"]


@pytest.mark.parametrize("value", ["numpy,pandas==2.*", "/", "/nowhere", "packages"])
@pytest.mark.parametrize(
    ("setting", "command"),
    [
        ("python_packages", r"pip --python \S+ install --only-binary :all: --target /\S* PACKAGE"),
        ("node_packages", r"npm install --ignore-scripts --prefix /\S* PACKAGE"),
        ("java_jars", r"cp ARCHIVE\.jar /\S*"),
    ],
)
def test_what_is_no_folder_is_refused_with_a_command(setting: str, command: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^PRECIEUX_{setting.upper()} is .* run `{command}`, and set it"):
        find_libraries(ExecutorSettings.model_validate({setting: value}))


def test_a_relative_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box could not show it."""
    write_package(tmp_path / "packages", "bird", "bird.py")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="is packages, which must be the absolute path"):
        find_libraries(ExecutorSettings(python_packages=Path("packages")))


def test_packages_of_node_are_listed_as_they_were_asked_for(tmp_path: Path) -> None:
    for name, version in {"lodash": "4.17.21", "@types/node": "20.1.0", "needed": "1.0.0"}.items():
        (tmp_path / "node_modules" / name).mkdir(parents=True)
        (tmp_path / "node_modules" / name / "package.json").write_text(f'{{"version": "{version}"}}')
    (tmp_path / "package.json").write_text('{"dependencies": {"lodash": "^4", "@types/node": "^20"}}')
    folders, found = find_libraries(ExecutorSettings(node_packages=tmp_path))
    assert folders == {"/node_modules": tmp_path / "node_modules"}
    listed = [(one.name, one.version, one.modules) for one in found["ts"]]
    assert listed == [("@types/node", "20.1.0", ()), ("lodash", "4.17.21", ("lodash",))]


def test_archives_of_java_are_listed_with_their_versions(tmp_path: Path) -> None:
    for name in ("commons-lang3-3.14.0", "own", "guava-33.2.1-jre"):
        with zipfile.ZipFile(tmp_path / f"{name}.jar", "w") as archive:
            archive.writestr("a", "")
    folders, found = find_libraries(ExecutorSettings(java_jars=tmp_path))
    assert folders == {"/jars": tmp_path}
    listed = [(one.name, one.version) for one in found["java"]]
    assert listed == [("commons-lang3", "3.14.0"), ("guava", "33.2.1-jre"), ("own", "")]


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "half.jar").write_bytes(b"PK")
    with pytest.raises(ConfigurationError, match=r"half\.jar, which is not a Java archive"):
        find_libraries(ExecutorSettings(java_jars=tmp_path))


def test_java_has_the_archives_on_its_class_path() -> None:
    installed = Installed(known()["java"], {tool: f"/bin/{tool}" for tool in known()["java"].tools}, "21")
    program = program_of(RunRequest(code="class Main {}", language="java"), installed)
    with_archives = replace(installed, libraries=(InstalledLibrary("own", "", ()),))
    for one, class_path in ((installed, "."), (with_archives, ".:/jars/*")):
        commands = commands_of(program, one, 1 << 20)
        assert commands.compile
        for words in (commands.compile, commands.run):
            assert words[words.index("-cp") + 1] == class_path


def test_a_folder_with_what_python_runs_at_its_start_is_refused(tmp_path: Path) -> None:
    write_package(tmp_path, "bird", "bird.py", "numpy.py")
    names = ("bird.pth", "sitecustomize.cpython-313-x86_64-linux-gnu.so", "usercustomize", "usercustomize.py")
    for name in names:
        (tmp_path / name).mkdir() if name == "usercustomize" else (tmp_path / name).touch()
    with pytest.raises(ConfigurationError) as refused:
        find_libraries(ExecutorSettings(python_packages=tmp_path))
    assert f"Python would run {', '.join(names)} there" in str(refused.value)
