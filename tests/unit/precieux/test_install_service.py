"""`precieux install-service` writes units that systemd understands, and says how to start them."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from precieux.commands import install_service
from precieux.commands.install_service import preparations, require_reachable, setting_files, unit_files, write
from shared.common.service.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deploy/systemd").rglob("*.service"))
#: The exposure by `systemd-analyze security`, from 0 to 10. Releases of systemd differ a little.
MAX_EXPOSURE = {"precieux-executor.service": 4.3}
MAX_EXPOSURE_OF_SERVICES = 1.3

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def analyze(*words: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def reads_units(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip if `systemd-analyze` reads no unit at all, as for an ordinary user without a booted systemd."""
    unit = tmp_path_factory.mktemp("units") / "plain.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    done = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    if done.returncode:
        pytest.skip(f"systemd-analyze reads no unit here: {done.stderr.strip()}")


@pytest.mark.parametrize(("user", "count"), [(False, 3), (True, 2)])
def test_units_are_replaced_and_settings_are_not(tmp_path: Path, user: bool, count: int) -> None:
    units, settings = unit_files(tmp_path, user=user), setting_files(tmp_path)
    assert len(units) == count
    for _ in range(2):
        write(units, settings)
        assert {path: path.read_text() for path in units} == units
        assert {stat.S_IMODE(path.stat().st_mode) for path in units} == {0o644}
        assert {stat.S_IMODE(path.stat().st_mode) for path in settings} == {0o600}
        (tmp_path / "precieux/env").write_text("PRECIEUX_PORT=8001\n")
        next(iter(units)).write_text("[Service]\nExecStart=/bin/true\n")
    write(units, settings)
    assert (tmp_path / "precieux/env").read_text() == "PRECIEUX_PORT=8001\n"


def test_units_call_the_python_that_installs_them(tmp_path: Path) -> None:
    for user in (False, True):
        for text in list(unit_files(tmp_path, user=user, python="/srv/precieux/bin/python3.12").values())[:2]:
            assert re.findall(r"^ExecStart=(\S+) -P -m ", text, re.MULTILINE) == ["/srv/precieux/bin/python3.12"]
            assert "/opt/precieux" not in text


@pytest.mark.parametrize("python", ["/srv/my precieux/bin/python", "/srv/100%/bin/python", "/srv/$HOME/python"])
def test_a_path_that_a_unit_cannot_hold_is_refused(tmp_path: Path, python: str) -> None:
    with pytest.raises(ConfigurationError, match="such as /opt/precieux"):
        unit_files(tmp_path, user=False, python=python)


def test_executor_and_services_share_a_port_and_a_token(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(2):
        text = setting_files(tmp_path)[tmp_path / "precieux/executor.env"]
        values = dict(line.split("=", 1) for line in text.splitlines() if line and line[0] != "#")
        assert values["PRECIEUX_CODEX_URL"] == f"http://127.0.0.1:{values['PRECIEUX_EXECUTOR_PORT']}"
        assert len(values["PRECIEUX_CODEX_TOKEN"]) >= 32
        tokens.add(values["PRECIEUX_CODEX_TOKEN"])
    assert len(tokens) == 2


def test_the_executor_gets_ids_that_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/newuidmap")
    make = ["systemd-sysusers", f"{tmp_path}/sysusers.d/precieux.conf"]
    (tmp_path / "subuid").write_text("user:100000:65536\n")
    ids = "165536-231071"
    grant = ["usermod", "--add-subuids", ids, "--add-subgids", ids, "precieux-executor"]
    assert list(preparations(tmp_path)) == [make, grant]
    for name in ("subuid", "subgid"):
        (tmp_path / name).write_text("precieux-executor:165536:65536\n")
    assert list(preparations(tmp_path)) == [make]


def test_printing_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    install_service.install_service(user=True, print_only=True)
    assert list(tmp_path.iterdir()) == []
    output = capsys.readouterr().out
    assert f"# {tmp_path}/systemd/user/precieux.service\n" in output
    assert output.splitlines()[-1] == "systemctl --user restart precieux-executor precieux"


@pytest.mark.parametrize("folder", ["/home/user/.local/share/pipx/venvs/precieux", "/root/precieux"])
def test_a_service_cannot_run_from_a_home_folder(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr(sys, "prefix", "/opt/precieux")
    require_reachable()
    monkeypatch.setattr(sys, "prefix", folder)
    with pytest.raises(ConfigurationError, match="python3 -m venv /opt/precieux"):
        require_reachable()


def test_the_executor_reads_no_settings_but_its_own() -> None:
    for unit in UNITS:
        if unit.name == "precieux-executor.service":
            files = re.findall(r"^EnvironmentFile=(.*)$", unit.read_text(), re.MULTILINE)
            assert [Path(file).name for file in files] == ["executor.env"], unit


def test_the_package_holds_the_files() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert '"deploy/systemd" = "precieux/systemd"' in pyproject


@needs_systemd
@pytest.mark.usefixtures("reads_units")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    paths = []
    for unit in UNITS:
        name = unit.name.replace("@.", "@api_service.")
        paths.append(tmp_path / unit.parent.name / name)
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text(unit.read_text().replace("/opt/precieux/bin/python", sys.executable))
    for path in paths:
        environment = {"SYSTEMD_UNIT_PATH": f"{path.parent}:", "PATH": "/usr/bin:/bin"}
        done = analyze("verify", "--man=no", "--recursive-errors=no", path, environment=environment)
        assert (done.returncode, done.stderr) == (0, ""), path


@needs_systemd
@pytest.mark.usefixtures("reads_units")
@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.parent.name != "user"], ids=lambda unit: unit.name)
def test_units_are_not_more_exposed_than_before(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", unit)
    [exposure] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(exposure) <= MAX_EXPOSURE.get(unit.name, MAX_EXPOSURE_OF_SERVICES)


@needs_systemd
def test_the_unit_allows_the_system_calls_of_programs() -> None:
    """Otherwise a program would fail in the unit that runs elsewhere."""
    unit = (ROOT / "deploy/systemd/system/precieux-executor.service").read_text()
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        calls = {call for group in line.removeprefix("~").split() for call in _calls(group)}
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    rows = (ROOT / "executor/sandbox/wall/allowed_syscalls.csv").read_text().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} <= allowed


def _calls(group: str) -> set[str]:
    if not group.startswith("@"):
        return {group}
    names = [
        line.strip()
        for line in analyze("syscall-filter", group).stdout.splitlines()[1:]
        if line.strip() and line.strip()[0] != "#"
    ]
    return {call for name in names for call in _calls(name)}
