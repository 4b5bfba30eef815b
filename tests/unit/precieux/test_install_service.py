"""`precieux install-service` with systemd's commands replaced by scripts that record their arguments."""

import sys
from pathlib import Path

import pytest

from precieux import service_files
from precieux.commands import install_service
from precieux.commands.install_service import ServiceFailed
from precieux.service_files import Place
from shared.errors import ConfigurationError

COMMAND = """#!/bin/sh
echo "$(basename "$0") $*" >>{diary}
case " $* " in
*" show "*) echo "http://127.0.0.1:8000; mails go to files" ;;
*" {failing} "*) exit 1 ;;
esac
[ "$(basename "$0")" != journalctl ] || echo "precieux: Port 8000 cannot be used."
"""


class Host:
    def __init__(self, folder: Path) -> None:
        self.commands = folder / "bin"
        self.commands.mkdir()
        self._diary = folder / "diary"
        self._diary.touch()
        self.let_fail("nothing")

    def let_fail(self, word: str) -> None:
        for name in ("systemctl", "journalctl", "systemd-sysusers", "usermod"):
            command = self.commands / name
            command.write_text(COMMAND.format(diary=self._diary, failing=word))
            command.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._diary.read_text().splitlines()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    monkeypatch.setenv("PATH", f"{host.commands}:/usr/bin:/bin")
    return host


@pytest.fixture
def machine(tmp_path: Path) -> Place:
    return service_files.of_machine(tmp_path)


@pytest.fixture
def user(tmp_path: Path) -> Place:
    return service_files.of_user({"XDG_CONFIG_HOME": str(tmp_path)})


def test_it_creates_users_and_starts_executor_and_services(
    host: Host, machine: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    install_service.install(machine)
    calls = [call for call in host.calls if not call.startswith("usermod")]
    assert calls == [
        f"systemd-sysusers {machine.sysusers}/precieux.conf",
        "systemctl daemon-reload",
        "systemctl enable --quiet precieux-executor precieux",
        "systemctl restart precieux-executor precieux",
        "systemctl show --property=StatusText --value precieux",
    ]
    output = capsys.readouterr().out
    assert "API: http://127.0.0.1:8000; mails go to files\n" in output
    assert f"Settings: {machine.settings}/env" in output
    assert "Remove: " in output


def test_a_users_service_needs_no_root_and_makes_no_users(host: Host, user: Place) -> None:
    install_service.install(user)
    assert host.calls[0] == "systemctl --user daemon-reload"
    assert not any("sysusers" in call or "usermod" in call for call in host.calls)


def test_reinstalling_keeps_settings_and_replaces_old_units(host: Host, machine: Place) -> None:
    install_service.install(machine)
    settings = (machine.settings / "executor.env").read_text()
    unit = service_files.units(machine)[0]
    older = unit.content.partition("\n")[2].replace("RestartSec=2", "RestartSec=7")
    unit.path.write_text(service_files._marked(unit.path, older, "precieux-executor").content)
    install_service.install(machine)
    assert unit.path.read_text() == unit.content
    assert (machine.settings / "executor.env").read_text() == settings


def test_a_changed_unit_is_not_replaced(host: Host, machine: Place) -> None:
    unit = service_files.units(machine)[0]
    unit.write()
    unit.path.write_text(unit.content + "Nice=5\n")
    with pytest.raises(ConfigurationError, match=r"not replaced: .*precieux-executor\.service\. .*drop-in"):
        install_service.install(machine)
    assert unit.path.read_text().endswith("Nice=5\n")
    assert not (machine.units / "precieux.service").exists()
    assert host.calls == []


def test_the_log_is_shown_if_the_service_does_not_start(
    host: Host, machine: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    host.let_fail("restart")
    with pytest.raises(ServiceFailed, match="does not start"):
        install_service.install(machine)
    assert "Port 8000 cannot be used." in capfd.readouterr().err


def test_removing_leaves_settings_and_changed_units(
    host: Host, machine: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    install_service.install(machine)
    executor, services, sysusers = service_files.units(machine)
    services.path.write_text(services.content + "Nice=5\n")
    install_service.uninstall(machine)
    assert "systemctl disable --quiet --now precieux precieux-executor" in host.calls
    assert host.calls[-1] == "systemctl daemon-reload"
    assert not executor.path.exists()
    assert not sysusers.path.exists()
    assert services.path.exists()
    assert (machine.settings / "env").exists()
    output = capsys.readouterr().out
    assert f"{services.path}, which was changed" in output


def test_there_must_be_something_to_remove(host: Host, machine: Place) -> None:
    with pytest.raises(ConfigurationError, match="nothing to remove"):
        install_service.uninstall(machine)
    assert host.calls == []


def test_a_dry_run_shows_units_and_commands_and_changes_nothing(
    host: Host, machine: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    install_service.show(machine)
    install_service.show_removal(machine)
    output = capsys.readouterr().out
    assert f"# {machine.units}/precieux.service\n" in output
    assert "ProtectSystem=strict" in output
    assert "systemctl restart precieux-executor precieux\n" in output
    assert "systemctl disable --quiet --now precieux precieux-executor\n" in output
    assert "PRECIEUX_CODEX_TOKEN" not in output
    assert sorted(tmp_path.rglob("*")) == before
    assert host.calls == []


def test_a_machine_without_systemd_is_refused(machine: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_service, "_BOOTED", tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="does not run systemd"):
        install_service.check_host(machine)


@pytest.fixture
def booted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_service, "_BOOTED", tmp_path)
    monkeypatch.setattr(sys, "prefix", "/opt/precieux")
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")


@pytest.mark.usefixtures("booted")
def test_only_root_installs_for_the_machine(machine: Place, user: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    install_service.check_host(user)
    with pytest.raises(ConfigurationError, match="use sudo, or `precieux install-service --user`"):
        install_service.check_host(machine)


@pytest.mark.usefixtures("booted")
@pytest.mark.parametrize("folder", ["/home/user/.local/share/pipx/venvs/precieux", "/root/precieux"])
def test_a_service_cannot_run_from_a_home_folder(
    machine: Place, user: Place, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    install_service.check_host(machine)
    monkeypatch.setattr(sys, "prefix", folder)
    install_service.check_host(user)
    with pytest.raises(ConfigurationError, match="python3 -m venv /opt/precieux"):
        install_service.check_host(machine)
