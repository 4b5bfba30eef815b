"""The lines of the log."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from shared.common.service.logging import LogSettings, configure_logging, get_logger


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, config = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**config)
    structlog.contextvars.clear_contextvars()


def configured(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> io.StringIO:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    configure_logging("test", LogSettings())
    stream = io.StringIO()
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    return stream


@pytest.mark.parametrize("terminal", [True, False])
def test_the_log_leaves_out_the_tries_of_asyncpgs_pool(*, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, terminal=terminal)
    try:
        raise ConnectionRefusedError
    except ConnectionRefusedError:
        # As in asyncpg/pool.py.
        logging.getLogger("asyncpg.pool").warning(
            "Failed to restore the pool connection floor; retrying", exc_info=True
        )
    assert stream.getvalue() == ""


def test_a_line_for_people_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, terminal=True)
    get_logger("shared.test").info(
        "job.finished", job=5, upload=4, attempt=1, state="executed", verdict="ok", reason=None
    )
    (line,) = stream.getvalue().splitlines()
    assert len(line) <= 110
    assert "reason" not in line
    assert "job=5" in line


def test_a_line_for_machines_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured(monkeypatch, terminal=False)
    get_logger("shared.test").info("job.finished", job=5, reason=None)
    record = json.loads(stream.getvalue())
    assert record["reason"] is None
    assert record["timestamp"].endswith("Z")
