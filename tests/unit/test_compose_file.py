"""docker-compose.yml as it is written: networks, secrets and resource limits."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from shared.database.roles import Role
from tests.settings_reference import classes

ROOT: Final = Path(__file__).parents[2]
FILE: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = FILE["services"]

every_service = pytest.mark.parametrize("name", SERVICES)


def members(network: str) -> set[str]:
    return {name for name, service in SERVICES.items() if network in service.get("networks", [])}


def text_of(name: str) -> str:
    """Return the whole definition of the container."""
    return str(SERVICES[name])


def test_each_service_is_on_its_networks() -> None:
    assert {network: members(network) for network in FILE["networks"]} == {
        "outside": {"gateway"},
        "edge": {"gateway", "api_service"},
        "data": {*SERVICES} - {"gateway", "executor", "prepare"},
        "engine": {"job_runner", "executor"},
        "mail": {"job_runner"},
    }
    assert SERVICES["prepare"]["network_mode"] == "none"


def test_only_two_networks_lead_out() -> None:
    closed = {name for name, network in FILE["networks"].items() if network.get("internal") is True}
    assert set(FILE["networks"]) - closed == {"outside", "mail"}
    for name in closed:
        assert FILE["networks"][name]["driver_opts"] == {"com.docker.network.bridge.inhibit_ipv4": "true"}


def test_only_the_gateway_is_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]
    assert SERVICES["gateway"]["ports"] == ["${PRECIEUX_BIND:-127.0.0.1}:${PRECIEUX_PORT:-8000}:8000"]


@every_service
def test_each_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & set(service)
    assert all(re.search(r":size=\d+m\b", mount) for mount in service["tmpfs"])


@every_service
def test_each_container_has_resource_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


def test_the_sizes_are_those_of_the_manual() -> None:
    manual = (ROOT / "docs/security.md").read_text()
    told = dict(re.findall(r"^\| (API|runner) \|.*Its container has (\d+) MiB \|$", manual, re.MULTILINE))
    sizes = {name: SERVICES[name]["mem_limit"] for name in ("api_service", "job_runner")}
    assert sizes == {"api_service": f"{told['API']}m", "job_runner": f"{told['runner']}m"}


def test_each_service_knows_the_password_of_its_own_role() -> None:
    known = {
        name: set(re.findall(r"POSTGRES_(?:(\w+)_)?PASSWORD(?=[:}])", text_of(name)))
        for name in SERVICES
        if "POSTGRES_" in text_of(name)
    }
    everyone = {"", *(role.name for role in Role)}
    assert known == {
        "api_service": {"API"},
        "queue_consumer": {"CONSUMER"},
        "job_runner": {"RUNNER"},
        "operator": {"OPERATOR"},
        "migrate": {"OWNER"},
        "roles": everyone,
        "postgres": {""},
    }
    users = {name: re.search(r"postgresql://(\w+):", text_of(name)) for name in known}
    assert {name: found[1] for name, found in users.items() if found} == {
        "api_service": Role.API,
        "queue_consumer": Role.CONSUMER,
        "job_runner": Role.RUNNER,
        "operator": Role.OPERATOR,
        "migrate": Role.OWNER,
        "roles": "precieux",
    }


#: Service -> the modules whose settings it reads, besides those that all read.
_MODULES: Final = {
    "api_service": [
        "api_service.settings",
        "shared.budgets",
        "shared.broker.settings",
        "shared.storage.settings",
        "shared.webhooks",
    ],
    "queue_consumer": ["shared.broker.settings"],
    "job_runner": [
        "job_runner.settings",
        "job_runner.mailers.settings",
        "shared.budgets",
        "shared.storage.settings",
        "shared.webhooks",
    ],
    "executor": ["executor.settings"],
}
#: Service -> settings that cannot be set. The images fix ports and folders. A container has neither cgroups nor users
#: to give away, and one bubblewrap.
_FIXED: Final = {
    "api_service": {"PORT", "LOCAL_KEY", "DATA_DIR"},
    "queue_consumer": set[str](),
    "job_runner": {"DATA_DIR", "OLD_SECRET_KEYS"},  # it signs with the present one
    "executor": {
        "EXECUTOR_PORT",
        "EXECUTOR_CORS_ORIGINS",  # it is not published
        "EXECUTOR_CACHE_DIR",
        "BWRAP",
        "EXECUTOR_FIRST_USER_ID",
        "EXECUTOR_USE_CGROUPS",
        "EXECUTOR_UNSAFE_SERVE_WITHOUT_ISOLATION",
    },
}


@pytest.mark.parametrize("name", _MODULES)
def test_every_setting_of_env_reaches_its_service(name: str) -> None:
    modules = [*_MODULES[name], "shared.logging"]
    if name != "executor":
        modules += ["shared.database.connection", "shared.health"]
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
