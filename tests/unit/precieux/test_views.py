"""The tables of jobs and mails on a terminal, made of rows of the database."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from rich.console import Console
from typer.testing import CliRunner

from precieux import terminal
from precieux.cli import app
from precieux.commands import show, views
from precieux.commands.offers import usage
from precieux_client import Budget, Client
from shared.records.messages.translations import LOCALES

_CREATED: Final = datetime(2025, 3, 4, 15, 12, 7, 123456, UTC)
_EMAIL: Final = "an.unusually.long.name@students.example.edu"
_FAILURE: Final = "go is not installed on this server"


def job(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1042, "upload": 977, "email": _EMAIL, "status": "failed", "attempt": 1, "crashes": 2, "verdict": None,
        "failure": _FAILURE, "mail": "suppressed", "created_at": _CREATED, "finished_at": _CREATED, **changes,
    }  # fmt: skip


def mail(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1042, "kind": "result", "recipient": _EMAIL, "state": "bounced", "attempts": 1, "submission": 977,
        "batch": None, "created_at": _CREATED, "updated_at": _CREATED + timedelta(minutes=5),
        "last_error": "550 5.1.1 no such user here", **changes,
    }  # fmt: skip


def shown(rows: list[dict[str, Any]], width: int, monkeypatch: pytest.MonkeyPatch, colours: Any = None) -> str:
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "out", Console(file=screen, width=width, force_terminal=True, color_system=colours))
    views.show_list(rows, views.job_cells if "crashes" in rows[0] else views.mail_cells, as_json=False)
    return screen.getvalue()


@pytest.mark.parametrize("width", [80, 90, 110, 140])
@pytest.mark.parametrize("row", [job(), mail()], ids=["job", "mail"])
def test_a_list_cuts_nothing_off(row: dict[str, Any], width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = shown([row], width, monkeypatch)
    assert "…" not in screen
    assert max(map(len, screen.splitlines())) <= width
    # A folded cell keeps its columns, so its letters are in order, with those of other cells between them.
    assert re.search(".*".join(map(re.escape, _EMAIL)), screen, re.DOTALL)
    for word in (*(_FAILURE.split() if "crashes" in row else ["550", "user"]), "2025-03-04"):
        assert word in screen
    assert ("977" in screen) is (width >= 110)


def test_states_have_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[31mbounced\x1b[0m" in shown([mail()], 140, monkeypatch, "standard")
    assert "\x1b[32mdelivered\x1b[0m" in shown([mail(state="delivered")], 140, monkeypatch, "standard")


def test_a_date_of_this_year_has_no_year() -> None:
    now = datetime.now(UTC)
    cells = views.job_cells(job(created_at=now, finished_at=None))
    assert (cells["created"], cells["finished"]) == (now.astimezone().strftime("%m-%d %H:%M"), None)


def test_fields_have_labels_and_units() -> None:
    mails = [{"kind": "result", "status": "sent", "sent_at": _CREATED, "last_error": None}]
    known = job(time_s=0.001286, wall_s=2.5, memory_bytes=3 << 20, enable=0, mails=mails)
    fields = dict(views.job_fields(dict.fromkeys(views._JOB) | known))
    assert fields["CPU time"] == "1.3 ms"
    assert fields["Elapsed time"] == "2.50 s"
    assert fields["Memory"] == "3.0 MiB"
    assert fields["Blocked"] == "no"
    assert "Signal" not in fields
    assert ("Signal", "Segmentation fault (signal 11)") in views.job_fields(
        dict.fromkeys(views._JOB) | job(signal=11, mails=[])
    )
    assert fields["Mail 1: kind"] == "result"
    assert re.fullmatch(r"2025-03-0\d \d\d:\d\d:07 \S+", str(fields["Created"]))


def test_a_difference_has_words_for_its_signs() -> None:
    assert show._difference("@@ line 2 @@\n-5\n+-7") == "line 2\n  expected: 5\n  printed:  -7"
    assert (
        show._difference("@@ word 1 @@\n-a\n-b") == "word 1\n  expected: a\n  expected: b\n  printed:  (nothing more)"
    )


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
    events = list(views.history(mail(state=state, sent_at=sent_at, updated_at=updated_at)))
    assert [event["state"] for event in events] == expected
    assert sorted(event["at"] for event in events) == [event["at"] for event in events]


def test_a_budget_shows_what_is_left_and_how_it_comes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets = (Budget("submissions", 6000, 90, 5910, 3600, None), Budget("bytes", 2**30, 0, 2**30, 3600, None))
    monkeypatch.setattr(Client, "usage", lambda _: budgets)
    usage()
    lines = ("submissions\t5910\t6000\t100 a minute\t-", "bytes\t1073741824\t1073741824\t17895697 a minute\t-")
    assert capsys.readouterr().out.splitlines() == list(lines)


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
