"""The tables of mails on a terminal, made of rows of the database."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from rich.console import Console
from typer.testing import CliRunner

from precieux import terminal
from precieux.cli import app
from precieux.commands import mail, mail_views
from shared.translations import LOCALES

_CREATED: Final = datetime(2025, 3, 4, 15, 12, 7, 123456, UTC)


def _row(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1042,
        "kind": "result",
        "recipient": "an.unusually.long.name@students.example.edu",
        "state": "bounced",
        "attempts": 1,
        "submission": 977,
        "batch": None,
        "created_at": _CREATED,
        "updated_at": _CREATED + timedelta(minutes=5),
        "last_error": "550 5.1.1 no such user here",
        **changes,
    }


def _shown(rows: list[dict[str, Any]], width: int, monkeypatch: pytest.MonkeyPatch, colours: Any = None) -> str:
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "out", Console(file=screen, width=width, force_terminal=True, color_system=colours))
    monkeypatch.setattr(mail, "operate_in_transaction", lambda use, data_dir: rows)
    mail.list_mails()
    return screen.getvalue()


@pytest.mark.parametrize("width", [80, 110, 140])
def test_a_list_cuts_nothing_off(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    row = _row()
    screen = _shown([row, _row(id=7, submission=None, batch=5)], width, monkeypatch)
    assert "…" not in screen
    assert max(map(len, screen.splitlines())) <= width
    # A folded cell keeps its columns, so its letters are in order, with those of other cells between them.
    for name in ("recipient", "last_error"):
        assert re.search(".*".join(map(re.escape, row[name].replace(" ", ""))), screen, re.DOTALL)
    assert ("submission 977" in screen, "batch 5" in screen) == (width >= 110, width >= 110)


def test_states_have_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[31mbounced\x1b[0m" in _shown([_row()], 140, monkeypatch, "standard")
    assert "\x1b[32mdelivered\x1b[0m" in _shown([_row(state="delivered")], 140, monkeypatch, "standard")


@pytest.mark.parametrize(
    ("state", "sent_at", "updated_at", "expected"),
    [
        ("queued", None, _CREATED, ["queued"]),
        ("sent", _CREATED + timedelta(1), _CREATED + timedelta(1), ["queued", "sent"]),
        ("delivered", _CREATED + timedelta(1), _CREATED + timedelta(2), ["queued", "sent", "delivered"]),
        ("refused", None, _CREATED + timedelta(1), ["queued", "refused"]),
        # It bounced and was sent again.
        ("queued", _CREATED + timedelta(1), _CREATED + timedelta(2), ["queued", "sent", "queued"]),
    ],
)
def test_a_history_has_the_times_that_are_stored(
    state: str, sent_at: datetime | None, updated_at: datetime, expected: list[str]
) -> None:
    events = list(mail_views.history(_row(state=state, sent_at=sent_at, updated_at=updated_at)))
    assert [event["state"] for event in events] == expected
    assert sorted(event["at"] for event in events) == [event["at"] for event in events]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("precieux mail ", {"list", "show", "resend", "suppressions", "test", "bounce"}),
        ("precieux mail list --state de", {"delivered", "deferred"}),
        ("precieux mail test --locale ", set(LOCALES)),
    ],
)
def test_the_shell_completes_commands_and_states(words: str, offered: set[str]) -> None:
    asked = {"_PRECIEUX_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    result = CliRunner().invoke(app, [], prog_name="precieux", env=asked)
    assert set(result.stdout.split()) == offered
