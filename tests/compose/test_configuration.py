"""The Compose file: no warning when it is complete, a clear error when it is not, and no privileged container."""

import subprocess
from pathlib import Path

import pytest

from tests.fixtures.compose import ROOT, Stack

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]

SECRETS = [
    line[:-1] for line in (ROOT / ".env.example").read_text().splitlines() if line.endswith("=") and line[0] != "#"
]


def config(env_file: Path) -> "subprocess.CompletedProcess[str]":
    command = ["docker", "compose", "--file", str(ROOT / "docker-compose.yml"), "--env-file", str(env_file)]
    return subprocess.run([*command, "config", "--quiet"], capture_output=True, text=True)


def test_the_configuration_has_no_warning(stack: Stack) -> None:
    done = config(stack.env_file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("secret", SECRETS)
def test_a_missing_secret_is_named(stack: Stack, secret: str, tmp_path: Path) -> None:
    kept = [line for line in stack.env_file.read_text().splitlines() if not line.startswith(f"{secret}=")]
    (tmp_path / "env").write_text("\n".join(kept))
    done = config(tmp_path / "env")
    assert done.returncode != 0
    assert f"{secret} is missing" in done.stderr
    assert "Run deploy/new-env" in done.stderr


def test_no_container_is_root_or_has_privileges(stack: Stack) -> None:
    for container in stack.containers():
        name, host = container["Config"]["Labels"]["com.docker.compose.service"], container["HostConfig"]
        assert container["Config"]["User"].split(":")[0] not in ("", "0", "root"), name
        assert (host["Privileged"], host["CapAdd"], host["CapDrop"]) == (False, None, ["ALL"]), name
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]), name
        assert host["ReadonlyRootfs"] is True, name
        assert host["Memory"] > 0, name
        assert host["PidsLimit"] > 0, name
        if container["State"]["Running"]:
            top = subprocess.run(["docker", "top", container["Id"], "-eo", "uid"], capture_output=True, text=True)
            assert "0" not in top.stdout.split(), name


def test_only_the_gateway_is_published_and_only_on_loopback(stack: Stack) -> None:
    published = {
        container["Config"]["Labels"]["com.docker.compose.service"]: [
            (binding["HostIp"], binding["HostPort"]) for bindings in ports.values() for binding in bindings or []
        ]
        for container in stack.containers()
        if any((ports := container["NetworkSettings"]["Ports"]).values())
    }
    assert published == {"gateway": [("127.0.0.1", str(stack.port))]}


def test_the_executor_reaches_nothing(stack: Stack) -> None:
    (executor,) = stack.containers("executor")
    assert [name.removeprefix(f"{stack.project}_") for name in executor["NetworkSettings"]["Networks"]] == ["engine"]
    routes = stack.compose("exec", "--no-TTY", "executor", "cat", "/proc/net/route").splitlines()[1:]
    # It has its own network only, without a gateway, so it cannot reach the host either.
    assert {route.split()[2] for route in routes} == {"00000000"}
    assert {route.split()[1] for route in routes}.isdisjoint({"00000000"})
    probe = "import socket; socket.create_connection(('postgres', 5432), timeout=3)"
    with pytest.raises(AssertionError, match="gaierror"):
        stack.compose("exec", "--no-TTY", "executor", "python", "-c", probe)


def test_only_the_gateway_and_the_runner_have_a_route_out(stack: Stack) -> None:
    """Read from the containers' real routes; the executor has its own test."""
    for service in ("gateway", "api_service", "queue_consumer", "job_runner", "postgres", "rabbitmq", "seaweedfs"):
        routes = stack.compose("exec", "--no-TTY", service, "cat", "/proc/net/route").splitlines()[1:]
        gateways = {route.split()[2] for route in routes} - {"00000000"}
        assert bool(gateways) is (service in ("gateway", "job_runner")), (service, routes)


def test_each_service_connects_as_its_own_role(stack: Stack) -> None:
    connected = {
        name for [name] in stack.sql("SELECT DISTINCT usename FROM pg_stat_activity WHERE client_addr IS NOT NULL")
    }
    assert connected == {"precieux_api", "precieux_consumer", "precieux_runner"}


def test_the_operator_makes_admin_keys_and_the_api_cannot(stack: Stack) -> None:
    create = ("keys", "create", "--scope", "admin")
    key = stack.compose("run", "--rm", "--no-TTY", "operator", *create, "Course 101")
    assert "Course 101" in stack.compose("run", "--rm", "--no-TTY", "operator", "keys", "list")
    assert key.strip()
    with pytest.raises(AssertionError, match="precieux_operator"):
        stack.compose("exec", "--no-TTY", "api_service", "precieux", *create, "Course 102")
