"""The settings and secrets of docker-compose.yml, and `deploy/new-env`, which makes the secrets."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.settings_reference import classes

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

#: Service -> the modules whose settings it reads, besides those that all read.
_MODULES: Final = {
    "api_service": [
        "api_service.settings",
        "api_service.doors.jobe.settings",
        "api_service.agent_tools.settings",
        "shared.records.accounts.cell_rate",
        "shared.adapters.broker.settings",
        "shared.adapters.storage.settings",
        "shared.records.accounts.webhooks",
    ],
    "queue_consumer": ["shared.adapters.broker.settings"],
    "job_runner": [
        "job_runner.settings",
        "job_runner.emails.mailers.settings",
        "shared.records.accounts.cell_rate",
        "shared.adapters.storage.settings",
        "shared.records.accounts.webhooks",
    ],
    "executor": ["executor.settings"],
}
#: Service -> settings that cannot be set. The images fix ports, folders and the bubblewrap.
_FIXED: Final = {
    # In Compose, a replica is a process.
    "api_service": {"PORT", "LOCAL_KEY", "DATA_DIR", "API_PROCESSES"},
    "queue_consumer": set[str](),
    "job_runner": {"DATA_DIR"},
    "executor": {
        "EXECUTOR_PORT",
        "EXECUTOR_CORS_ORIGINS",  # it is not published
        "BWRAP",
        "EXECUTOR_UNSAFE_SERVE_WITHOUT_ISOLATION",
        # They come with a folder, which the image has or a file of overrides mounts.
        "PYTHON_PACKAGES",
        "NODE_PACKAGES",
        "JAVA_JARS",
        "TOOLCHAINS",
        "LANGUAGE_LIMITS",
        "CHECKER_FILES",
    },
}


@pytest.mark.parametrize("name", _MODULES)
def test_every_setting_of_env_reaches_its_service(name: str) -> None:
    modules = [*_MODULES[name], "shared.common.service.logging"]
    if name != "executor":
        modules += ["shared.adapters.database.connection", "shared.records.operations.health"]
    found = classes()
    read = {field.upper() for module in modules for kind in found[module] for field in kind.model_fields}
    given = {variable.removeprefix("PRECIEUX_") for variable in SERVICES[name]["environment"]}
    assert read - given == _FIXED[name]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for file in (".env.example", "deploy/new-env"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    return tmp_path


def new_env(checkout: Path, *arguments: str) -> int:
    return subprocess.run(["sh", checkout / "deploy/new-env", *arguments], capture_output=True).returncode


def secrets_of(checkout: Path) -> dict[str, str]:
    lines = (checkout / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_new_env_writes_every_required_secret(checkout: Path) -> None:
    assert new_env(checkout) == 0
    secrets = secrets_of(checkout)
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in secrets.values())
    assert len(set(secrets.values())) == len(secrets)
    assert (checkout / ".env").stat().st_mode & 0o777 == 0o600
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    assert set(secrets) == required


def test_new_env_with_arguments_writes_nothing(checkout: Path) -> None:
    assert new_env(checkout, "--help") == 2
    assert not (checkout / ".env").exists()


def test_new_env_only_adds_what_is_missing(checkout: Path) -> None:
    # As an operator may have left it: with their own value, and no end of the last line.
    (checkout / ".env").write_text("POSTGRES_PASSWORD=mine\n# a note\nPRECIEUX_PORT=9000")
    assert new_env(checkout) == 0
    lines = (checkout / ".env").read_text().splitlines()
    assert lines[:3] == ["POSTGRES_PASSWORD=mine", "# a note", "PRECIEUX_PORT=9000"]
    assert set(secrets_of(checkout)) >= {"POSTGRES_API_PASSWORD", "PRECIEUX_SECRET_KEY"}
    before = (checkout / ".env").read_bytes()
    assert new_env(checkout) == 1
    assert (checkout / ".env").read_bytes() == before
