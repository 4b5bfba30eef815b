"""The operator's libraries: what a setting may name, and how packages are installed, by a fake package manager."""

import os
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from executor.catalogue import Installed
from executor.languages import known
from executor.languages.base import Library
from executor.libraries import java, node, python
from executor.libraries.chosen import find_libraries, install_libraries
from executor.libraries.folder import Installation
from executor.libraries.installation import install
from executor.settings import ExecutorSettings
from shared.codex import RunRequest
from shared.errors import ConfigurationError
from tests.fixtures.processes import pids_below
from tests.waiting import eventually_sync


@pytest.mark.parametrize(
    ("setting", "packages"),
    [
        ("numpy", ("numpy",)),
        (" numpy , pandas == 2.* ,", ("numpy", "pandas==2.*")),
        ("scipy>=1,<3,numpy", ("numpy", "scipy<3,>=1")),
        ("pandas[excel,plot]>=2, !=2.1,six", ("pandas[excel,plot]!=2.1,>=2", "six")),
        ("six,six", ("six",)),
    ],
)
def test_requirements_are_names_with_versions(setting: str, packages: tuple[str, ...]) -> None:
    assert python.requirements(setting) == packages


@pytest.mark.parametrize(
    "setting",
    [
        "-r requirements.txt", "--index-url=http://evil.example/", "-e .", "numpy --pre", "numpy -r x",
        "./numpy", "../numpy", "~/numpy", "C:\\numpy", "a/b", "numpy.whl/..", "file:///etc",
        "https://evil.example/x.whl", "git+https://evil.example/x", "x @ https://evil.example/x.whl", "x@file:///etc",
        "numpy\n--pre", "$(id)", "numpy;id", "`id`", "numpy\0", "num py", "@numpy",
    ],
)  # fmt: skip
def test_requirements_are_no_options_paths_or_addresses(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="PRECIEUX_PYTHON_PACKAGES has"):
        python.requirements(f"six,{setting}")


def test_no_word_after_pips_options_is_an_option() -> None:
    command = python._command("/usr/bin/python3", ("numpy", "six"), Path("/there"))
    assert command[-3:] == ["--", "numpy", "six"]
    assert command[command.index("--only-binary") + 1] == ":all:"


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
    listed = [(one.name, one.version, one.modules) for one in python.libraries_in(folder)]
    assert listed == [("bird", "1.0", ("bird", "wing")), ("Zoo", "1.0", ("zoo",))]


def test_a_folder_of_the_operator_is_used_as_it_is(tmp_path: Path) -> None:
    write_package(tmp_path, "bird", "bird.py")
    found = install_libraries(ExecutorSettings(python_packages=str(tmp_path)), None)
    ((inside, host),) = found.folders.items()
    assert host == tmp_path
    assert inside.startswith("/libraries/python/lib/python3.")
    assert [one.name for one in found.by_language["py"]] == ["bird"]


@pytest.mark.parametrize("folder", ["/", "/nowhere", "/etc"])
def test_a_folder_without_packages_is_refused(folder: str) -> None:
    with pytest.raises(ConfigurationError, match="not a folder that has packages"):
        find_libraries(ExecutorSettings(python_packages=folder), None)


def test_packages_need_a_cache_folder() -> None:
    with pytest.raises(ConfigurationError, match="PRECIEUX_EXECUTOR_CACHE_DIR"):
        install_libraries(ExecutorSettings(python_packages="six"), None)


def test_what_is_not_installed_yet_is_named(tmp_path: Path) -> None:
    found = find_libraries(ExecutorSettings(python_packages="six"), tmp_path)
    assert (found.folders, found.missing) == ({}, ("PRECIEUX_PYTHON_PACKAGES",))
    assert find_libraries(ExecutorSettings(), tmp_path).missing == ()


def installation_by(program: str, folder: Path, *sings: str) -> Installation:
    """Return an installation by a Python program, whose arguments are the folder to fill and `folder`'s parent."""
    return Installation(
        "THE_SETTING",
        ("six",),
        folder,
        lambda unfinished: [sys.executable, "-c", f"import pathlib, sys\n{program}", str(unfinished)],
        ("no network",),
        "Do this.",
    )


_FILL = "pathlib.Path(sys.argv[1], 'six.py').touch()\n"


def test_a_folder_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    fails = f"{_FILL}print('WARNING: slow\\nERROR: no such package six')\nsys.exit(1)"
    with pytest.raises(ConfigurationError) as failed:
        install(installation_by(fails, tmp_path / "made"))
    assert str(failed.value) == (
        "The packages of THE_SETTING (six) cannot be installed: ERROR: no such package six. Do this."
    )
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    install(installation_by(f"assert not [*pathlib.Path(sys.argv[1]).iterdir()]\n{_FILL}", tmp_path / "made"))
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["six.py"]


def test_the_rest_of_a_killed_installation_is_removed(tmp_path: Path) -> None:
    (tmp_path / "made-3.13-0.unfinished/half").mkdir(parents=True)
    (tmp_path / "made-3.13-1.unfinished/half").mkdir(parents=True)
    install(installation_by(_FILL, tmp_path / "made-3.13-0"))
    assert [path.name for path in (tmp_path / "made-3.13-0").iterdir()] == ["six.py"]
    assert (tmp_path / "made-3.13-1.unfinished/half").exists()  # of another list


#: Starts an installation whose package manager works for long.
_KILLED = """
import pathlib, sys
from executor.libraries.folder import Installation
from executor.libraries.installation import install
program = '''
import pathlib, time
time.sleep(20)
pathlib.Path("../ended").touch()
'''
def command(unfinished):
    print("started", flush=True)
    return [sys.executable, "-c", program]
install(Installation("", (), pathlib.Path(sys.argv[1]), command, (), ""))
"""


def test_the_package_manager_of_a_killed_executor_is_killed(tmp_path: Path) -> None:
    made = installation_by(_FILL, tmp_path / "made")
    with subprocess.Popen([sys.executable, "-c", _KILLED, made.folder], stdout=subprocess.PIPE) as killed:
        assert killed.stdout
        assert any(b"started" in line for line in killed.stdout)
        eventually_sync(lambda: pids_below(killed.pid), what="the package manager starts")
        killed.kill()
    install(made)
    assert [path.name for path in made.folder.iterdir()] == ["six.py"]
    assert not (tmp_path / "ended").exists()


def test_the_time_for_packages_begins_with_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another executor may have held it for long."""
    now, left = [0.0], []

    def flock(*_: object) -> None:
        now[0] += 800

    monkeypatch.setattr("executor.libraries.installation.fcntl.flock", flock)
    monkeypatch.setattr("executor.libraries.installation.time.monotonic", lambda: now[0])
    monkeypatch.setattr("executor.libraries.installation._run", lambda *arguments: left.append(arguments[-1]))
    install(installation_by(_FILL, tmp_path / "made"), most_seconds=900)
    assert left == [900]


def test_installing_waits_for_the_network(tmp_path: Path) -> None:
    attempts = tmp_path / "attempts"
    program = (
        f"attempts = open({str(attempts)!r}, 'a+')\nattempts.write('x')\nattempts.seek(0)\n"
        f"if len(attempts.read()) < 3: sys.exit('there is no network')\n{_FILL}"
    )
    install(installation_by(program, tmp_path / "made"), pause=0.01)
    assert attempts.read_text() == "xxx"
    with pytest.raises(ConfigurationError, match="there is no network"):
        install(installation_by("sys.exit('there is no network')", tmp_path / "other"), most_seconds=0.1, pause=0.01)


def test_an_installation_that_hangs_is_ended(tmp_path: Path) -> None:
    hangs = installation_by("import threading; threading.Event().wait()", tmp_path / "made")
    with pytest.raises(ConfigurationError, match="it took longer than"):
        install(hangs, most_seconds=0.5, pause=0.01)


def test_one_of_several_executors_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait for it. The program fails if it runs twice."""
    ran = tmp_path / "ran"
    made = installation_by(f"open({str(ran)!r}, 'x')\n{_FILL}", tmp_path / "made")
    failures: list[BaseException] = []

    def install_it() -> None:
        try:
            install(made)
        except ConfigurationError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=install_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ran.exists()


def test_programs_may_read_what_is_installed(tmp_path: Path) -> None:
    """They are other users, and the executor may have a strict umask."""
    old = os.umask(0o077)
    try:
        install(installation_by(_FILL, tmp_path / "made"))
    finally:
        os.umask(old)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "made", tmp_path / "made/six.py")]
    assert modes == [0o755, 0o644]


def test_without_pip_the_operator_learns_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigurationError, match="apt install python3-pip"):
        python._find_pip()


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="PRECIEUX_EXECUTOR_CACHE_DIR"):
        install(installation_by(_FILL, tmp_path / "file/made"))


@pytest.mark.parametrize(
    "package",
    ["lodash", "lodash@4.17.21", "@types/node@20", "left-pad@^1.3.0", "x@latest", "a.b_c", "x@>=2", "x@1.x", "x@2.*"],
)
def test_packages_of_node_are_names_with_versions(package: str) -> None:
    assert node.package_names(f" {package} ,six") == tuple(sorted([package, "six"]))


@pytest.mark.parametrize(
    "package",
    [
        "--registry=http://evil.example/", "-g", "./x", "../x", "/etc", "~/x", "user/repository", "github:user/x",
        "x.tgz",
        "git+https://evil.example/x", "http://evil.example/x", "x@npm:y", "x@file:/etc", "x@http://evil.example", "x y",
        "x;id", "$(id)", "@x", "x@", "x@ 1", "x\n--y", "X@1/2", "@a/b/c", "x.tar.gz", ".", "x\0",
    ],
)  # fmt: skip
def test_packages_of_node_are_no_options_paths_or_addresses(package: str) -> None:
    with pytest.raises(ConfigurationError, match="PRECIEUX_NODE_PACKAGES has"):
        node.package_names(package)


def test_packages_of_node_are_listed_as_they_were_asked_for(tmp_path: Path) -> None:
    for name, version in {"lodash": "4.17.21", "@types/node": "20.1.0", "needed": "1.0.0"}.items():
        (tmp_path / "node_modules" / name).mkdir(parents=True)
        (tmp_path / "node_modules" / name / "package.json").write_text(f'{{"version": "{version}"}}')
    (tmp_path / "package.json").write_text('{"dependencies": {"lodash": "^4", "@types/node": "^20"}}')
    found = install_libraries(ExecutorSettings(node_packages=str(tmp_path)), None)
    assert found.folders == {"/node_modules": tmp_path / "node_modules"}
    listed = [(one.name, one.version, one.modules) for one in found.by_language["ts"]]
    assert listed == [("@types/node", "20.1.0", ()), ("lodash", "4.17.21", ("lodash",))]


def test_a_folder_without_modules_of_node_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="npm install"):
        find_libraries(ExecutorSettings(node_packages=str(tmp_path)), None)


def test_without_npm_the_operator_learns_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigurationError, match="apt install npm"):
        install_libraries(ExecutorSettings(node_packages="lodash"), tmp_path)


def test_archives_of_java_are_listed_with_their_versions(tmp_path: Path) -> None:
    for name in ("commons-lang3-3.14.0", "own", "guava-33.2.1-jre"):
        with zipfile.ZipFile(tmp_path / f"{name}.jar", "w") as archive:
            archive.writestr("a", "")
    found = find_libraries(ExecutorSettings(java_jars=tmp_path), None)
    assert found.folders == {"/jars": tmp_path}
    listed = [(one.name, one.version) for one in found.by_language["java"]]
    assert listed == [("commons-lang3", "3.14.0"), ("guava", "33.2.1-jre"), ("own", "")]


def test_a_folder_with_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="absolute path of a folder that has archives"):
        java.chosen_folder(tmp_path)
    (tmp_path / "half.jar").write_bytes(b"PK")
    with pytest.raises(ConfigurationError, match=r"half\.jar is not a Java archive"):
        java.chosen_folder(tmp_path)


def test_java_has_the_archives_on_its_class_path() -> None:
    installed = Installed(known()["java"], {tool: f"/bin/{tool}" for tool in known()["java"].tools}, "21")
    program = installed.program(RunRequest(code="class Main {}", language="java"))
    with_archives = replace(installed, libraries=(Library("own", "", ()),))
    for one, class_path in ((installed, "."), (with_archives, ".:/jars/*")):
        commands = one.commands(program, 1 << 20)
        assert commands.compile
        for words in (commands.compile, commands.run):
            assert words[words.index("-cp") + 1] == class_path


def test_nothing_that_python_runs_at_its_start_is_kept(tmp_path: Path) -> None:
    for name in ("a.pth", "usercustomize.py", "sitecustomize.cpython-313-x86_64-linux-gnu.so", "numpy.py"):
        (tmp_path / name).touch()
    (tmp_path / "usercustomize").mkdir()
    assert sorted(path.name for path in python.run_at_start(tmp_path)) == [
        "a.pth", "sitecustomize.cpython-313-x86_64-linux-gnu.so", "usercustomize", "usercustomize.py",
    ]  # fmt: skip


def test_what_is_unwanted_is_removed_after_an_installation(tmp_path: Path) -> None:
    fill = f"{_FILL}pathlib.Path(sys.argv[1], 'x.pth').touch()\npathlib.Path(sys.argv[1], 'usercustomize').mkdir()"
    install(replace(installation_by(fill, tmp_path / "made"), unwanted=python.run_at_start))
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["six.py"]


def test_a_folder_with_what_python_runs_at_its_start_is_refused(tmp_path: Path) -> None:
    write_package(tmp_path, "bird", "bird.py", "bird.pth")
    with pytest.raises(ConfigurationError, match=r"run bird\.pth there"):
        install_libraries(ExecutorSettings(python_packages=str(tmp_path)), None)
