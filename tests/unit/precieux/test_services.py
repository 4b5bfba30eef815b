"""The environment of each process of `up`."""

from pathlib import Path

from executor.settings import ExecutorSettings
from precieux.up import services
from precieux.up.settings import UpSettings
from shared.adapters.database.roles import Role

SECRETS = {
    "PRECIEUX_DATABASE_URL": "postgresql://secret",
    "PRECIEUX_SECRET_KEY": "secret",
    "PRECIEUX_MAILGUN_API_KEY": "secret",
    "PRECIEUX_SMTP_URL": "smtp://secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def settings(**changes: object) -> UpSettings:
    return UpSettings(data_dir=Path("/data")).model_copy(update=changes)


def test_the_executor_gets_its_settings_and_no_other_secret() -> None:
    set_by_up = {"executor_host", "executor_port", "codex_token"}
    own = {f"PRECIEUX_{name.upper()}": "1" for name in ExecutorSettings.model_fields if name not in set_by_up}
    own |= {"PATH": "/bin", "PRECIEUX_LOG_LEVEL": "DEBUG", "XDG_CACHE_HOME": "/cache", "NO_COLOR": "1"}
    environment = services.executor({**SECRETS, **own}, port=8100, codex_token="token").environment
    assert environment.items() >= own.items()
    assert "secret" not in " ".join(environment.values())
    assert environment["PRECIEUX_CODEX_TOKEN"] == "token"
    assert environment["PRECIEUX_EXECUTOR_PORT"] == "8100"


def test_the_executor_is_no_fork_of_a_process_with_secrets() -> None:
    assert not services.executor({}, port=8100, codex_token="token").forked_module
    assert all(program.forked_module for program in services.services({}, str))


def test_computed_settings_override_the_operators() -> None:
    environment = services.service_environment(
        {**SECRETS, "PRECIEUX_PORT": "1", "PATH": "/bin"},
        settings(port=8001),
        codex_url="http://127.0.0.1:8100",
        codex_token="token",
    )
    assert environment["PRECIEUX_PORT"] == "8001"
    assert environment["PRECIEUX_PUBLIC_URL"] == "http://127.0.0.1:8001"
    assert environment["PRECIEUX_MAILGUN_API_KEY"] == "secret"
    assert environment["PATH"] == "/bin"


def test_the_local_address_is_one_that_a_client_can_use() -> None:
    assert services.local_url(settings(host="0.0.0.0")) == "http://127.0.0.1:8000"
    assert services.local_url(settings(host="::")) == "http://[::1]:8000"
    assert services.local_url(settings(host="::1")) == "http://[::1]:8000"
    assert services.local_url(settings(host="localhost")) == "http://localhost:8000"


def test_the_api_stops_first_and_the_executor_last() -> None:
    ranks = {program.name: program.rank for program in services.services({}, str)}
    assert (
        ranks["api_service"]
        > ranks["job_runner"]
        == ranks["queue_consumer"]
        > services.executor({}, port=8100, codex_token="token").rank
    )


def test_each_service_has_its_own_metrics_port() -> None:
    started = services.services({"PRECIEUX_METRICS_PORT": "9100"}, str)
    ports = [program.environment["PRECIEUX_METRICS_PORT"] for program in started]
    assert len(set(ports)) == len(started)
    assert "PRECIEUX_METRICS_PORT" not in services.services({}, str)[0].environment


def test_only_the_api_gets_the_command_lines_key() -> None:
    environment = {services.LOCAL_KEY: "key", "PRECIEUX_PORT": "8000"}
    having_it = {
        program.name for program in services.services(environment, str) if services.LOCAL_KEY in program.environment
    }
    assert having_it == {"api_service"}
    assert services.LOCAL_KEY not in services.executor(environment, port=8100, codex_token="token").environment


def test_each_service_connects_as_its_own_role() -> None:
    started = [*services.services(SECRETS, str), services.migration(SECRETS, str(Role.OWNER))]
    assert {program.name: program.environment["PRECIEUX_DATABASE_URL"] for program in started} == {
        "api_service": Role.API,
        "queue_consumer": Role.CONSUMER,
        "job_runner": Role.RUNNER,
        "migrate": Role.OWNER,
    }
