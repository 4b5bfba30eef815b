import pytest

from tests.fixtures import executor, gate


def test_a_missing_service_skips_on_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception) as skipped:
        gate.missing("RabbitMQ", "`apt-get install rabbitmq-server`.")
    sentence = "RabbitMQ is not available: `apt-get install rabbitmq-server`."
    assert str(skipped.value) == sentence
    # As pytest reports it; each service is listed once, and other reasons for a skip are not listed.
    reported = f"Skipped: {sentence}"
    assert gate.missed([reported, reported, "Skipped: only root can"]) == [sentence]


def test_a_missing_service_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="RabbitMQ is not available"):
        gate.missing("RabbitMQ", "install it.")


def test_an_unknown_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_TEST_BACKEND", "podman")
    with pytest.raises(pytest.UsageError, match="`embedded` or `docker`"):
        gate.backend()


@pytest.mark.parametrize(
    ("user", "ci", "outcome"),
    [(0, "true", pytest.fail.Exception), (0, "false", pytest.skip.Exception), (1000, "true", pytest.skip.Exception)],
)
def test_a_mode_that_root_cannot_have_is_missing(
    monkeypatch: pytest.MonkeyPatch, user: int, ci: str, outcome: type[Exception]
) -> None:
    monkeypatch.delitem(executor.MODES, "subordinate ids", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="'subordinate ids'"), executor.running_executor("subordinate ids"):
        pass
