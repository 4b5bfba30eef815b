"""The tables of jobs on a terminal, made of rows of the database."""

import io
import re
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from rich.console import Console

from precieux import terminal
from precieux.commands import job_views, jobs

_CREATED: Final = datetime(2025, 3, 4, 15, 12, 7, 123456, UTC)
_FAILURE: Final = "go is not installed on this server"


def _row(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1042,
        "upload": 977,
        "email": "an.unusually.long.name@students.example.edu",
        "status": "executed",
        "attempt": 1,
        "crashes": 0,
        "verdict": "runtime_error",
        "failure": None,
        "mail": "suppressed",
        "created_at": _CREATED,
        "finished_at": _CREATED,
        **changes,
    }


def _shown(rows: list[dict[str, Any]], width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "out", Console(file=screen, width=width, force_terminal=True, color_system=None))
    monkeypatch.setattr(jobs, "operate_in_transaction", lambda use, data_dir: rows)
    jobs.list_jobs()
    return screen.getvalue()


@pytest.mark.parametrize("width", [80, 90, 110, 140])
def test_a_list_cuts_nothing_off(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [_row(), _row(id=7, status="failed", verdict=None, failure=_FAILURE, crashes=2)]
    screen = _shown(rows, width, monkeypatch)
    assert "…" not in screen
    assert max(map(len, screen.splitlines())) <= width
    assert screen.count("2025-03-04") == 4
    # A folded cell keeps its columns, so its letters are in order, with those of other cells between them.
    first, second = screen.split("\n7 ")
    assert re.search(".*".join(map(re.escape, str(rows[0]["email"]))), first, re.DOTALL)
    for word in (*_FAILURE.split(), "crashes:"):
        assert word in second


def test_a_wide_list_has_the_submissions_and_attempts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "977" not in _shown([_row()], 80, monkeypatch)
    assert "977" in _shown([_row()], 110, monkeypatch)


def test_a_date_of_this_year_has_no_year() -> None:
    now = datetime.now(UTC)
    _, [[*_, created, finished]] = job_views.as_list([_row(created_at=now, finished_at=None)], 80)
    assert created == now.astimezone().strftime("%m-%d %H:%M")
    assert finished is None


def test_fields_have_labels_and_units() -> None:
    job = dict.fromkeys(job_views._JOB) | _row(time_s=0.001286, wall_s=2.5, memory_bytes=3 << 20, enable=0, mails=[])
    mail = dict.fromkeys(job_views._MAIL) | {"kind": "result", "status": "sent", "sent_at": _CREATED}
    fields = dict(job_views.as_fields({**job, "mails": [mail]}))
    assert fields["CPU time"] == "1.3 ms"
    assert fields["Elapsed time"] == "2.50 s"
    assert fields["Memory"] == "3.0 MiB"
    assert fields["Blocked"] == "no"
    assert "Signal" not in fields
    assert fields["Mail 1: kind"] == "result"
    assert re.fullmatch(r"2025-03-0\d \d\d:\d\d:07 \S+", str(fields["Created"]))
