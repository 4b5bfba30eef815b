import pytest

from api_service.settings import ApiSettings
from job_runner.settings import EngineSettings, RunnerSettings
from shared.database import DatabaseSettings
from shared.errors import ConfigurationError
from shared.settings import load


def test_a_missing_setting_is_named_and_told_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRECIEUX_DATABASE_URL", raising=False)
    with pytest.raises(ConfigurationError, match=r"^PRECIEUX_DATABASE_URL is not set \(it is: postgresql://"):
        load(DatabaseSettings)


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        (DatabaseSettings, "PRECIEUX_DATABASE_URL", "mysql://h/d"),
        (RunnerSettings, "PRECIEUX_POLL_INTERVAL", "-1"),
        (RunnerSettings, "PRECIEUX_MAX_ATTEMPTS", "many"),
        (EngineSettings, "PRECIEUX_CODEX_URL", "127.0.0.1:8100"),
        (ApiSettings, "PRECIEUX_PORT", "70000"),
    ],
)
def test_a_bad_setting_is_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, settings: type[DatabaseSettings], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        load(settings)
    assert str(raised.value).startswith(f"{name} is wrong: ")
    assert "\n" not in str(raised.value)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_POLL_INTERVAL", "")
    assert load(RunnerSettings).poll_interval == 60


def test_a_secret_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", "postgresql://u:hunter2@h/d")
    assert "hunter2" not in repr(load(DatabaseSettings))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_without_keys_the_api_refuses_to_be_reached_by_others(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("PRECIEUX_HOST", host)
    with pytest.raises(ConfigurationError, match="API key"):
        load(ApiSettings)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_without_keys_the_api_listens_on_loopback(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("PRECIEUX_HOST", host)
    assert load(ApiSettings).host == host
