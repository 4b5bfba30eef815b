"""The one sentence of `precieux up` when it cannot run."""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NoReturn

import pytest
from typer.testing import CliRunner

from precieux.cli import app
from precieux.up import settings
from precieux.up.all_settings import CLASSES, check_all
from precieux.up.settings import (
    UpSettings,
    check_port_is_free,
    choose_executor_port,
    prepare_data_dir,
    require_data_dir,
)
from shared.adapters.database.connector import Connector
from shared.common.service.errors import ConfigurationError
from tests.settings_reference import classes

_NOBODY: Final = 65534


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that this process may not enter."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    yield folder
    os.seteuid(user)


@pytest.mark.parametrize("use", [prepare_data_dir, require_data_dir])
def test_a_folder_below_a_closed_one_is_named(use: Callable[[Path], None], closed_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"The data folder .*Permission denied.*choose a writable one"):
        use(closed_folder / "precieux")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EADDRINUSE, "stop the process that uses it"),
        (errno.EADDRNOTAVAIL, r"PRECIEUX_HOST is 10\.9\.9\.9, which is no address of this machine"),
        (errno.EINVAL, r"PRECIEUX_HOST is 10\.9\.9\.9, which is no address of this machine"),
        (errno.EACCES, "above 1023"),
    ],
)
def test_a_port_that_cannot_be_used_is_explained(number: int, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(settings, "_try_to_listen", refuse)
    with pytest.raises(ConfigurationError, match=sentence):
        check_port_is_free("10.9.9.9", 80)


def test_a_host_that_cannot_be_a_name_is_explained() -> None:
    with pytest.raises(ConfigurationError, match=r"PRECIEUX_HOST is a\.\.b, which is no address"):
        check_port_is_free("a..b", 8000)


def test_the_executor_has_a_port_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="PRECIEUX_EXECUTOR_PORT is 8000, which is the API's port"):
        choose_executor_port(UpSettings(port=8000, executor_port=8000, data_dir=tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = UpSettings(executor_port=other.getsockname()[1], data_dir=tmp_path)
        with pytest.raises(ConfigurationError, match="choose another port with PRECIEUX_EXECUTOR_PORT"):
            choose_executor_port(taken)


def test_a_database_is_named_without_its_password() -> None:
    assert Connector("postgresql://user:pass@a:1,b:2/name").servers == "a:1, b:2"
    assert Connector("postgresql:///name?host=/run/postgresql").servers == "a socket of this machine"
    assert Connector("postgresql://user:pass@/name?host=a.example&port=5433").servers == "a.example:5433"


def test_all_wrong_settings_of_all_services_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read = {f"{module}:{kind.__name__}" for module, kinds in classes().items() for kind in kinds}
    assert read - set(CLASSES) == {"shared.adapters.database.make_roles:RoleSettings"}
    check_all()
    wrong = ("KEY_BUDGET", "MAX_STREAMS", "SMTP_URL", "S3_LINKS", "METRICS_PORT", "LOG_LEVEL", "EXECUTOR_SLOTS")
    for name in wrong:
        monkeypatch.setenv(f"PRECIEUX_{name}", "wrong")
    with pytest.raises(ConfigurationError) as refused:
        check_all()
    assert {line.split()[0] for line in str(refused.value).splitlines()} == {f"PRECIEUX_{name}" for name in wrong}
    started = CliRunner().invoke(app, ["up", "--data-dir", str(tmp_path / "data")])
    assert str(started.exception) == str(refused.value)
    assert not (tmp_path / "data").exists()
