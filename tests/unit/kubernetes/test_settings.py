"""The manifests set variables that the code reads. Secrets come only from Secrets, and only to pods that need them."""

from typing import Any, Final

import pytest

from shared.common.service.settings import PREFIX
from tests.settings_reference import classes
from tests.unit.kubernetes.manifests import FOLDER, Pod, of_kind, pods, the

_AWS: Final = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}
_PACKAGES: Final[dict[str, list[str]]] = {
    "api-service": ["api_service"],
    "queue-consumer": ["queue_consumer"],
    "job-runner": ["job_runner"],
    "migrate": [],
    "operator": [],
    "executor": ["executor"],
}

every_pod = pytest.mark.parametrize("one", list(pods()), ids=lambda one: one.name)


def settings_of(service: str) -> dict[str, bool]:
    """Return the variables that a service reads; the value is True for a secret."""
    packages = ("shared", *_PACKAGES[service])
    return {
        PREFIX + name.upper(): "SecretStr" in str(field.annotation)
        for module, kinds in classes().items()
        if module.partition(".")[0] in packages
        for kind in kinds
        for name, field in kind.model_fields.items()
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
def test_a_pod_has_only_variables_that_are_read(one: Pod) -> None:
    assert {each["name"] for each in one.container["env"]} <= set(settings_of(one.name)) | _AWS
    # The ConfigMap is for three services, and each reads its own settings.
    anybody = {name for service in _PACKAGES for name in settings_of(service)}
    assert set(plain(one)) <= anybody | _AWS


@every_pod
def test_a_secret_comes_from_a_secret_of_its_namespace(one: Pod) -> None:
    secret = {name for name, is_secret in settings_of(one.name).items() if is_secret}
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
        "api-service": {
            database,
            broker,
            key,
            "PRECIEUX_API_KEYS",
            token,
            webhooks,
            events,
        },
        "queue-consumer": {database, broker},
        "job-runner": {database, key, token, webhooks, *mail},
        "migrate": {database},
        "operator": {database, broker},
        "executor": {token},
    }


def test_the_list_of_secrets_is_complete() -> None:
    lines = (FOLDER / "secrets.env.example").read_text().splitlines()
    listed = {line.removeprefix("#").partition("=")[0] for line in lines if line.removeprefix("#")[:1].isupper()}
    assert listed | {"PRECIEUX_DATABASE_URL"} == {name for one in pods() for name in from_secrets(one)}
