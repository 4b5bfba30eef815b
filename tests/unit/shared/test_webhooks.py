"""The settings of webhooks, and their secrets."""

import base64
import re
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from shared.common.service.errors import ConfigurationError
from shared.common.service.settings import load
from shared.records.accounts.webhooks import WebhookSettings, is_secret, new_secret


def test_a_new_secret_is_one_of_standard_webhooks() -> None:
    secret = new_secret()
    assert is_secret(secret)
    assert secret != new_secret()
    Webhook(secret)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("whsec_" + base64.b64encode(b"x" * 24).decode(), True),
        ("whsec_" + base64.b64encode(b"x" * 64).decode(), True),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), False),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), False),
        (base64.b64encode(b"x" * 24).decode(), False),
        ("whsec_", False),
        ("whsec_" + "é" * 40, False),
        ("whsec_" + "-_" * 20, False),
    ],
)
def test_a_secret_is_base64_of_24_to_64_bytes(text: str, valid: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_secret(text) is valid
    monkeypatch.setenv("PRECIEUX_WEBHOOK_SECRET", text)
    if valid:
        assert load(WebhookSettings).webhook_secret is not None
    else:
        with pytest.raises(ConfigurationError, match=r"PRECIEUX_WEBHOOK_SECRET is wrong: it must be whsec_"):
            load(WebhookSettings)


def test_ports_and_hosts_are_read_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_WEBHOOK_PORTS", "8443, 9443")
    monkeypatch.setenv("PRECIEUX_WEBHOOK_ALLOWED_HOSTS", "hooks.example.edu, 127.0.0.1,10.1.0.0/16")
    egress = load(WebhookSettings).egress
    assert egress.fault_of("https://example.com:9443/") is None
    assert egress.fault_of("http://127.0.0.1:1234/") is None
    assert egress.fault_of("http://10.1.2.3:1234/") is None
    assert egress.fault_of("http://10.2.2.3/") is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRECIEUX_WEBHOOK_PORTS", "0"),
        ("PRECIEUX_WEBHOOK_PORTS", "65536"),
        ("PRECIEUX_WEBHOOK_PORTS", "https"),
        ("PRECIEUX_WEBHOOK_ALLOWED_HOSTS", "http://example.com"),
        ("PRECIEUX_WEBHOOK_ALLOWED_HOSTS", "10.0.0.0/33"),
        ("PRECIEUX_WEBHOOK_ALLOWED_HOSTS", "example.com:80"),
    ],
)
def test_a_wrong_port_or_host_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        load(WebhookSettings)


def test_the_page_shows_how_to_verify_without_a_library() -> None:
    page = (Path(__file__).parents[3] / "docs/webhooks.md").read_text()
    [code] = re.findall(r"^    import base64, hashlib, hmac\n(?:\n|    .*\n)+", page, re.MULTILINE)
    secret, now, body = new_secret(), datetime.now(UTC), b'{"type": "submission.finished"}'
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}
    for signer, is_valid in ((secret, True), (new_secret(), False)):
        signature = Webhook(signer).sign("msg_1", now, body.decode())
        values: dict[str, Any] = {
            "secret": secret,
            "body": body,
            "headers": {**headers, "webhook-signature": f"v1,eA== {signature}"},
        }
        exec(textwrap.dedent(code), values)
        assert values["valid"] is is_valid
