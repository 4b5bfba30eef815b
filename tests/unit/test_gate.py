import pytest

from tests.fixtures import gate


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests miss is not missing."""
    monkeypatch.setattr(gate, "missed", {})


def test_a_missing_service_skips_on_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"RabbitMQ is not available: `apt-get install rabbitmq-server`\."):
        gate.missing("RabbitMQ", "`apt-get install rabbitmq-server`.")
    assert gate.missed == {"RabbitMQ": "`apt-get install rabbitmq-server`."}


def test_a_missing_service_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="RabbitMQ is not available"):
        gate.missing("RabbitMQ", "install it.")


def test_an_unknown_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_TEST_BACKEND", "podman")
    with pytest.raises(pytest.UsageError, match="`embedded` or `docker`"):
        gate.backend()
