"""`install-service` writes units that systemd understands."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from precieux import service_files
from precieux.service_files import File, Place
from shared.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deploy/systemd").rglob("*.service"))
#: The exposure by `systemd-analyze security`, from 0 to 10. Releases of systemd differ a little.
MOST_EXPOSURE = {"precieux-executor.service": 4.3}
MOST_EXPOSURE_OF_SERVICES = 1.3

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture(params=["machine", "user"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "machine":
        return service_files.of_machine(tmp_path)
    return service_files.of_user({"XDG_CONFIG_HOME": str(tmp_path)})


def test_each_place_has_its_files(tmp_path: Path) -> None:
    machine = service_files.of_machine(tmp_path)
    assert [str(file.path.relative_to(tmp_path)) for file in service_files.units(machine)] == [
        "etc/systemd/system/precieux-executor.service",
        "etc/systemd/system/precieux.service",
        "etc/sysusers.d/precieux.conf",
    ]
    user = service_files.of_user({"XDG_CONFIG_HOME": str(tmp_path)})
    assert [str(file.path.relative_to(tmp_path)) for file in service_files.units(user)] == [
        "systemd/user/precieux-executor.service",
        "systemd/user/precieux.service",
    ]


def test_units_call_the_python_that_installs_them(place: Place) -> None:
    for file in service_files.units(place, "/srv/precieux/bin/python3.12")[:2]:
        assert re.findall(r"^ExecStart=(\S+) -P -m ", file.content, re.MULTILINE) == ["/srv/precieux/bin/python3.12"]
        assert "/opt/precieux" not in file.content


@pytest.mark.parametrize("python", ["/srv/my precieux/bin/python", "/srv/100%/bin/python", "/srv/$HOME/python"])
def test_a_path_that_a_unit_cannot_hold_is_refused(place: Place, python: str) -> None:
    with pytest.raises(ConfigurationError, match="such as /opt/precieux"):
        service_files.units(place, python)


def test_a_change_of_a_written_file_is_noticed(place: Place) -> None:
    file = service_files.units(place)[0]
    assert not file.was_changed(), "it is not there"
    file.write()
    assert not file.was_changed()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o644
    newer = File(file.path, file.content.replace("RestartSec=2", "RestartSec=3"))
    assert not newer.was_changed(), "an upgrade may replace what an earlier release wrote"
    file.path.write_text(file.content.replace("RestartSec=2", "RestartSec=4"))
    assert file.was_changed()
    file.path.write_text("[Service]\nExecStart=/bin/true\n")
    assert file.was_changed()


def test_settings_are_private_and_written_once(place: Place) -> None:
    for settings in service_files.settings(place):
        assert settings.write_once()
        assert stat.S_IMODE(settings.path.stat().st_mode) == 0o600
        settings.path.write_text("PRECIEUX_PORT=8001\n")
        assert not settings.write_once()
        assert settings.path.read_text() == "PRECIEUX_PORT=8001\n"


def test_executor_and_services_share_a_port_and_a_token(place: Place) -> None:
    tokens = set()
    for _ in range(2):
        _, executor = service_files.settings(place)
        set_ = dict(line.split("=", 1) for line in executor.content.splitlines() if line and line[0] != "#")
        assert set_["PRECIEUX_CODEX_URL"] == f"http://127.0.0.1:{set_['PRECIEUX_EXECUTOR_PORT']}"
        assert len(set_["PRECIEUX_CODEX_TOKEN"]) >= 32
        tokens.add(set_["PRECIEUX_CODEX_TOKEN"])
    assert len(tokens) == 2


def test_the_executor_reads_no_settings_but_its_own() -> None:
    for unit in UNITS:
        if unit.name == "precieux-executor.service":
            files = re.findall(r"^EnvironmentFile=(.*)$", unit.read_text(), re.MULTILINE)
            assert [Path(file).name for file in files] == ["executor.env"], unit


def test_the_package_holds_the_files() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert '"deploy/systemd" = "precieux/systemd"' in pyproject


@needs_systemd
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    paths = []
    for unit in UNITS:
        name = unit.name.replace("@.", "@api_service.")
        paths.append(tmp_path / unit.parent.name / name)
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text(unit.read_text().replace("/opt/precieux/bin/python", sys.executable))
    for path in paths:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path],
            capture_output=True,
            text=True,
            check=False,
            env={"SYSTEMD_UNIT_PATH": f"{path.parent}:", "PATH": "/usr/bin:/bin"},
        )
        assert (done.returncode, done.stderr) == (0, ""), path


@needs_systemd
@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.parent.name != "user"], ids=lambda unit: unit.name)
def test_units_are_not_more_exposed_than_before(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=True,
    )
    [exposure] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(exposure) <= MOST_EXPOSURE.get(unit.name, MOST_EXPOSURE_OF_SERVICES)


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
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names = [line.strip() for line in listed.stdout.splitlines()[1:] if line.strip() and line.strip()[0] != "#"]
    return {call for name in names for call in _calls(name)}
