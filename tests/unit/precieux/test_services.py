"""What each process behind `up` is told."""

from pathlib import Path

from precieux.up import services
from precieux.up.settings import UpSettings
from shared.database.roles import Role

SECRETS = {
    "PRECIEUX_DATABASE_URL": "postgresql://secret",
    "PRECIEUX_SECRET_KEY": "secret",
    "PRECIEUX_MAILGUN_API_KEY": "secret",
    "PRECIEUX_SMTP_URL": "smtp://secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def settings(**changes: object) -> UpSettings:
    return UpSettings(data_dir=Path("/data")).model_copy(update=changes)


def test_the_executor_is_told_its_own_settings_and_no_secret_of_others() -> None:
    own = {
        "PATH": "/bin",
        "PRECIEUX_EXECUTOR_SLOTS": "3",
        "PRECIEUX_MAX_OUTPUT_BYTES": "9",
        "PRECIEUX_LOG_LEVEL": "DEBUG",
    }
    told = services.executor_environment({**SECRETS, **own}, port=8100, codex_token="token")
    assert told.items() >= own.items()
    assert "secret" not in " ".join(told.values())
    assert told["PRECIEUX_CODEX_TOKEN"] == "token"
    assert told["PRECIEUX_EXECUTOR_PORT"] == "8100"


def test_the_services_are_told_what_was_settled_over_what_was_set() -> None:
    told = services.service_environment(
        {**SECRETS, "PRECIEUX_PORT": "1", "PATH": "/bin"},
        settings(port=8001),
        codex_url="http://127.0.0.1:8100",
        codex_token="token",
    )
    assert told["PRECIEUX_PORT"] == "8001"
    assert told["PRECIEUX_PUBLIC_URL"] == "http://127.0.0.1:8001"
    assert told["PRECIEUX_MAILGUN_API_KEY"] == "secret"
    assert told["PATH"] == "/bin"


def test_the_local_address_is_one_that_a_client_can_use() -> None:
    assert services.local_url(settings(host="0.0.0.0")) == "http://127.0.0.1:8000"
    assert services.local_url(settings(host="::")) == "http://[::1]:8000"
    assert services.local_url(settings(host="::1")) == "http://[::1]:8000"
    assert services.local_url(settings(host="localhost")) == "http://localhost:8000"


def test_the_api_stops_first_and_the_executor_last() -> None:
    ranks = {program.name: program.rank for program in services.services({}, str)}
    assert ranks["api_service"] > ranks["job_runner"] == ranks["queue_consumer"] > services.executor({}).rank


def test_each_service_serves_its_metrics_on_a_port_of_its_own() -> None:
    started = services.services({"PRECIEUX_METRICS_PORT": "9100"}, str)
    ports = [program.environment["PRECIEUX_METRICS_PORT"] for program in started]
    assert len(set(ports)) == len(started)
    assert "PRECIEUX_METRICS_PORT" not in services.services({}, str)[0].environment


def test_only_the_api_is_told_the_key_of_the_command_line() -> None:
    environment = {services.LOCAL_KEY: "key", "PRECIEUX_PORT": "8000"}
    told = {
        program.name for program in services.services(environment, str) if services.LOCAL_KEY in program.environment
    }
    assert told == {"api_service"}
    assert services.LOCAL_KEY not in services.executor_environment(environment, port=8100, codex_token="token")


def test_each_service_connects_as_a_role_of_its_own() -> None:
    started = [*services.services(SECRETS, str), services.migration(SECRETS, str(Role.OWNER))]
    assert {program.name: program.environment["PRECIEUX_DATABASE_URL"] for program in started} == {
        "api_service": Role.API,
        "queue_consumer": Role.CONSUMER,
        "job_runner": Role.RUNNER,
        "migrate": Role.OWNER,
    }
