"""The manifests set variables that the code reads. Secrets come only from Secrets, and only to pods that need them."""

import importlib
from pathlib import Path
from typing import Any, Final

import pytest

import api_service
import executor
import job_runner
import queue_consumer
import shared
from shared.settings import PREFIX, Settings
from tests.unit.kubernetes.manifests import FOLDER, Pod, of_kind, pods, the

_AWS: Final = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}
_PACKAGES: Final = {
    "api-service": [api_service, shared],
    "queue-consumer": [queue_consumer, shared],
    "job-runner": [job_runner, shared],
    "migrate": [shared],
    "operator": [shared],
    "executor": [executor, shared],
}

every_pod = pytest.mark.parametrize("one", list(pods()), ids=lambda one: one.name)


def settings_of(*packages: Any) -> dict[str, bool]:
    """Return the variables that these packages read; the value is True for a secret."""
    for package in packages:
        folder = Path(package.__path__[0])
        for file in folder.rglob("*.py"):
            # Not every module: some are programs, which run when they are imported.
            if "(Settings):" in file.read_text():
                importlib.import_module(".".join(file.relative_to(folder.parent).with_suffix("").parts))
    names = {package.__name__ for package in packages}
    return {
        PREFIX + name.upper(): "SecretStr" in str(field.annotation)
        for settings in Settings.__subclasses__()
        if settings.__module__.partition(".")[0] in names
        for name, field in settings.model_fields.items()
    }


def plain(one: Pod) -> dict[str, str]:
    """Return the variables in the manifest or in a ConfigMap, which are not secret."""
    found = {each["name"]: each["value"] for each in one.container["env"] if "value" in each}
    for source in one.container.get("envFrom", []):
        assert set(source) == {"configMapRef"}
        found |= the("ConfigMap", source["configMapRef"]["name"])["data"]
    return found


def from_secrets(one: Pod) -> dict[str, dict[str, Any]]:
    references = [each for each in one.container["env"] if "value" not in each]
    assert all(set(each["valueFrom"]) == {"secretKeyRef"} for each in references)
    return {each["name"]: each["valueFrom"]["secretKeyRef"] for each in references}


@every_pod
def test_a_pod_has_only_variables_that_it_reads(one: Pod) -> None:
    read = settings_of(*_PACKAGES[one.name])
    assert set(from_secrets(one)) <= set(read) | _AWS
    assert {each["name"] for each in one.container["env"]} <= set(read) | _AWS
    # The ConfigMap is for three services, and each reads its own settings.
    anybody = settings_of(api_service, queue_consumer, job_runner, shared)
    assert set(plain(one)) <= set(read) | set(anybody) | _AWS


@every_pod
def test_a_secret_comes_from_a_secret_of_its_namespace(one: Pod) -> None:
    secret = {name for name, is_secret in settings_of(*_PACKAGES[one.name]).items() if is_secret}
    assert not secret & set(plain(one))
    references = from_secrets(one)
    names = {name: reference["name"] for name, reference in references.items() if name != "PRECIEUX_DATABASE_URL"}
    assert set(names.values()) <= {one.namespace}
    assert all(reference["key"] == name for name, reference in references.items())
    assert of_kind("Secret") == []  # each installation makes its own


def test_no_pod_has_a_secret_that_it_does_not_need() -> None:
    secrets = {one.name: set(from_secrets(one)) - _AWS for one in pods()}
    database, broker, key = "PRECIEUX_DATABASE_URL", "PRECIEUX_AMQP_URL", "PRECIEUX_SECRET_KEY"
    token, mail = "PRECIEUX_CODEX_TOKEN", {"PRECIEUX_MAILGUN_API_KEY", "PRECIEUX_SMTP_URL"}
    webhooks, events = "PRECIEUX_WEBHOOK_SECRET", "PRECIEUX_MAILGUN_SIGNING_KEY"
    assert secrets == {
        "api-service": {database, broker, key, "PRECIEUX_OLD_SECRET_KEYS", "PRECIEUX_API_KEYS", webhooks, events},
        "queue-consumer": {database, broker},
        "job-runner": {database, key, token, webhooks, *mail},
        "migrate": {database},
        "operator": {database, broker},
        "executor": {token},
    }


def test_each_service_has_its_own_database_role() -> None:
    secrets = {one.name: from_secrets(one).get("PRECIEUX_DATABASE_URL", {}).get("name") for one in pods()}
    assert secrets == {
        "api-service": "database-api",
        "queue-consumer": "database-consumer",
        "job-runner": "database-runner",
        "migrate": "database-owner",
        "operator": "database-operator",
        "executor": None,
    }
    listed = (FOLDER / "secrets.env.example").read_text()
    assert all(f"`{name}`" in listed for name in secrets.values() if name)


def test_the_list_of_secrets_is_complete() -> None:
    lines = (FOLDER / "secrets.env.example").read_text().splitlines()
    listed = {line.removeprefix("#").partition("=")[0] for line in lines if line.removeprefix("#")[:1].isupper()}
    assert listed | {"PRECIEUX_DATABASE_URL"} == {name for one in pods() for name in from_secrets(one)}
