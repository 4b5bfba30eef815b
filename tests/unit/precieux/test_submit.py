import math
from typing import Any

import pytest

from precieux.client import Client
from precieux.commands import submit


def row(status: str, delay: str | None = None) -> dict[str, Any]:
    return {"id": 7, "status": status, "verdict": "ok" if status == "executed" else None, "delay": delay}


def test_a_wait_tells_each_state_once_and_why_it_takes_longer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delay = "no [engine]\x07; the program is run again"
    rows = [row("executing"), row("executing"), row("none-executed", delay), row("executing", delay), row("executed")]
    monkeypatch.setattr(Client, "_call", lambda *_, **__: {"result": [rows.pop(0)]})
    monkeypatch.setattr("precieux.client._pause", lambda *_: None)
    finished = submit._watch(Client("http://api"), "a@example.com", 7, math.inf)
    assert finished.ran_ok
    assert capsys.readouterr().err.splitlines() == [
        "Submission 7: running",
        "Submission 7: waiting for its turn (no [engine]\N{REPLACEMENT CHARACTER}; the program is run again)",
        "Submission 7: running (no [engine]\N{REPLACEMENT CHARACTER}; the program is run again)",
        "Submission 7: done",
    ]
