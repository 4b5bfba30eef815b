"""The tests' ordinary user, who exists in a mount namespace alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import ordinary_user
from tests.fixtures.gate import leave_out

_ROOT = Path(__file__).parents[2]


def _run(*command: str | Path, cwd: Path = _ROOT) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(autouse=True)
def as_root() -> None:
    if os.geteuid() != 0:
        leave_out("only root can become another user")


def test_a_checkout_in_a_closed_folder_can_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as root's home, where a checkout of root is by default."""
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    (closed / "secret").touch()
    checkout = closed / "checkout"
    checkout.mkdir()
    (checkout / "file").write_text("found")
    monkeypatch.setattr(ordinary_user, "_ROOT", checkout)
    script = f'cat file; ls "{closed}"; id -u'
    assert _run(*ordinary_user.become(), "sh", "-c", script, cwd=checkout).split() == ["foundcheckout", "47111"]
    assert closed.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in closed.iterdir()) == ["checkout", "secret"]


def test_a_command_has_a_home_and_subordinate_ids() -> None:
    script = 'id -un; pwd; echo "$HOME"; touch ~/file && stat -c %u ~/file; cut -d : -f 3 /etc/subuid /etc/subgid'
    name, folder, home, owner, *counts = _run(
        sys.executable, "-m", "tests.fixtures.ordinary_user", "sh", "-c", script
    ).split()
    assert (name, folder, owner, counts) == ("learner", str(_ROOT), "47111", ["65536"] * 2)
    assert not Path(home).exists()
    assert "learner" not in Path("/etc/passwd").read_text()


def test_the_exit_code_is_passed_on() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        _run(sys.executable, "-m", "tests.fixtures.ordinary_user", "sh", "-c", "exit 7")
    assert failed.value.returncode == 7
