import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import quote

import pytest

from api_service.settings import ApiSettings
from job_runner.settings import RunnerSettings
from precieux.up.settings import UpSettings, load_up_settings
from shared.adapters.database.connection import DatabaseSettings
from shared.adapters.database.make_roles import RoleSettings
from shared.adapters.database.roles import Role
from shared.adapters.engine.settings import EngineSettings
from shared.common.service.errors import ConfigurationError
from shared.common.service.settings import load, unknown
from shared.records.operations.health import HealthSettings
from tests import settings_reference


def test_a_missing_setting_is_named_and_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRECIEUX_DATABASE_URL", raising=False)
    with pytest.raises(
        ConfigurationError, match=r"^PRECIEUX_DATABASE_URL is not set \(it is: the address of Postgres, postgresql://"
    ):
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


@pytest.mark.parametrize("settings", [DatabaseSettings, UpSettings])
@pytest.mark.parametrize("password", ["sec/ret", "sec?ret", "sec#ret", "sec[ret", "sec\u2100ret"])
def test_a_password_must_be_percent_encoded(
    monkeypatch: pytest.MonkeyPatch, settings: type[DatabaseSettings | UpSettings], password: str
) -> None:
    """A part of it would be taken for the host, and logged."""
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", f"postgresql://u:{password}@h/d")
    with pytest.raises(ConfigurationError, match="percent-encoded") as raised:
        load(settings)
    assert password not in str(raised.value)
    assert "sec" not in str(raised.value)
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", f"postgresql://u:{quote(password, safe='')}@h/d")
    load(settings)


@pytest.mark.parametrize("passwords", ["{", '{"precieux": "s3cret"}', '{"precieux_owner": "s3cret"}'])
def test_each_role_needs_a_password(monkeypatch: pytest.MonkeyPatch, passwords: str) -> None:
    monkeypatch.setenv("PRECIEUX_ROLE_PASSWORDS", passwords)
    with pytest.raises(ConfigurationError, match="PRECIEUX_ROLE_PASSWORDS is wrong") as raised:
        load(RoleSettings)
    assert "s3cret" not in str(raised.value)
    monkeypatch.setenv("PRECIEUX_ROLE_PASSWORDS", json.dumps(dict.fromkeys(Role, "s3cret")))
    assert load(RoleSettings).passwords() == dict.fromkeys(Role, "s3cret")


@pytest.mark.parametrize("query", ["user=app@corp&password=x", "application_name=a@b", "host=/run/postgresql"])
def test_the_query_of_an_address_may_have_an_at(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", f"postgresql://h/d?{query}")
    load(DatabaseSettings)


@pytest.mark.parametrize("settings", [DatabaseSettings, UpSettings])
@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_file_that_an_address_names_must_be_readable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: type[DatabaseSettings | UpSettings], name: str
) -> None:
    file = tmp_path / "ca.pem"
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", f"postgresql://u:hunter2@h/d?sslmode=verify-full&{name}={file}")
    with pytest.raises(ConfigurationError, match=rf"its {name} is .*/ca\.pem.*No such file or directory") as raised:
        load(settings)
    assert "hunter2" not in str(raised.value)
    file.touch()
    load(settings)


@pytest.mark.parametrize(
    "query",
    ["sslrootcert=/missing", "sslmode=prefer&sslcrl=/missing", "sslmode=disable&sslcert=/missing&sslkey=/missing"],
)
def test_a_file_that_asyncpg_does_not_read_may_be_missing(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", f"postgresql://h/d?{query}")
    load(DatabaseSettings)


@pytest.mark.parametrize(
    ("host", "other", "port", "is_refused"),
    [
        ("0.0.0.0", "127.0.0.1", 8000, True),
        ("0.0.0.0", "127.0.0.1", 8001, False),
        ("127.0.0.1", "10.0.0.1", 8000, False),
        # All addresses of a family share a port.
        ("0.0.0.0", "::1", 8000, False),
        ("::", "::1", 8000, True),
        ("::", "10.0.0.1", 8000, True),
        ("0.0.0.0", "::", 8000, True),
    ],
)
def test_metrics_have_a_port_of_their_own(host: str, other: str, port: int, is_refused: bool) -> None:
    refusal = pytest.raises(ConfigurationError, match="PRECIEUX_METRICS_PORT and PRECIEUX_PORT are both 8000")
    for one, another in ((host, other), (other, host)):
        with refusal if is_refused else nullcontext():
            HealthSettings(metrics_host=one, metrics_port=8000).require_other_port(
                another, port, setting="PRECIEUX_PORT"
            )


def test_the_data_folder_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRECIEUX_DATA_DIR", "here")
    assert load_up_settings().data_dir == tmp_path / "here"
    assert load_up_settings(data_dir=Path("there")).data_dir == tmp_path / "there"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_POLL_INTERVAL", "")
    assert load(RunnerSettings).poll_interval == 60


def test_a_secret_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", "postgresql://u:hunter2@h/d")
    assert "hunter2" not in repr(load(DatabaseSettings))


def test_an_operators_key_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_API_KEYS", "k" * 32 + ",short")
    with pytest.raises(ConfigurationError, match="at least 32 characters"):
        load(ApiSettings)
    monkeypatch.setenv("PRECIEUX_API_KEYS", "k" * 32 + ", " + "l" * 40 + ",")
    assert load(ApiSettings).operator_keys == ("k" * 32, "l" * 40)


@pytest.mark.parametrize("value", ["example", "*", "*.edu", "https://example.edu", "@example.edu", "a b.org"])
def test_a_recipient_that_is_no_domain_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PRECIEUX_RECIPIENTS", value)
    with pytest.raises(ConfigurationError, match=r"PRECIEUX_RECIPIENTS is wrong: .* is not a domain"):
        load(ApiSettings)


def test_recipients_are_domains_and_all_below_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(ApiSettings).allowed_recipients is None
    monkeypatch.setenv("PRECIEUX_RECIPIENTS", "example.edu, *.example.edu,bücher.example")
    assert load(ApiSettings).allowed_recipients == ("example.edu", "*.example.edu", "bücher.example")


def test_a_misspelt_language_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_LANGUAGE_TIME_FACTORS", "py=3,jaba=2")
    with pytest.raises(ConfigurationError, match="'jaba' is no language: write java"):
        load(ApiSettings)
    monkeypatch.setenv("PRECIEUX_LANGUAGE_TIME_FACTORS", "Python = 3, quux=2")
    assert load(ApiSettings).time_factors == {"py": 3.0, "quux": 2.0}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PRECIEUX_TIME_LIMIT", "PRECIEUX_DEFAULT_TIME_LIMIT"),
        ("PRECIEUX_TIME_LIMT", "PRECIEUX_DEFAULT_TIME_LIMIT"),
        ("PRECIEUX_DEFAULT_TIME_LIMT", "PRECIEUX_DEFAULT_TIME_LIMIT"),
        ("PRECIEUX_SLOTS", "PRECIEUX_EXECUTOR_SLOTS"),
        ("PRECIEUX_SMTP_HOST", "PRECIEUX_SMTP_URL"),
        ("PRECIEUX_SMTP_PASSWORD", "PRECIEUX_SMTP_URL"),
        ("PRECIEUX_ZZZZ", None),
    ],
)
def test_an_unknown_name_is_reported_with_the_nearest(name: str, nearest: str | None) -> None:
    right = {"PRECIEUX_PORT": "8000", "PATH": "/bin", "PRECIEUX_TEST_BACKEND": "x"}
    assert unknown({**right, name: "5"}) == {name: nearest}


def test_a_service_logs_unknown_names() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from shared.common.service.logging import *; configure_logging('x', LogSettings())"],
        env={**os.environ, "PRECIEUX_MAX_TIME_LIMT": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stderr)["event"] == "setting.unknown"
    assert json.loads(done.stderr)["nearest"] == "PRECIEUX_MAX_TIME_LIMIT"


def test_the_reference_matches_the_classes() -> None:
    assert settings_reference.PAGE.read_text() == settings_reference.page()
    assert settings_reference.NAMES.read_text() == settings_reference.names()
