"""The start of the consumer's process."""

import asyncio

import pytest

from queue_consumer import __main__ as consumer
from shared.common.service.errors import ConfigurationError


@pytest.mark.parametrize(("name", "value"), [("METRICS_PORT", "soon"), ("METRICS_HOST", "192.0.2.1")])
async def test_a_wrong_setting_ends_the_start_before_it_is_ready(
    database_url: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `READY=1`, `precieux up` would restart it without end."""
    ready: list[str] = []
    monkeypatch.setattr(consumer, "notify_ready", lambda: ready.append("ready"))
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", database_url)
    monkeypatch.setenv("PRECIEUX_METRICS_PORT", "9100")
    monkeypatch.setenv(f"PRECIEUX_{name}", value)
    with pytest.raises(ConfigurationError, match=f"PRECIEUX_{name}"):
        await asyncio.wait_for(consumer.serve(asyncio.Event()), timeout=30)
    assert ready == []
