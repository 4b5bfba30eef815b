"""The line that a wait shows, and the end of the wait."""

import signal
import time
from collections.abc import Iterator

import pytest
import typer

from precieux.commands.follow import EventProgress, follow
from precieux.installation.server import Server
from precieux.terminal import own_command
from precieux_client import Client, Event
from tests.factories import client_submission


def test_the_line_shows_state_and_tests() -> None:
    progress = EventProgress(7)
    events = (
        Event("state", {"state": "queued"}),
        Event("state", {"state": "running"}),
        Event("test", {"verdict": "accepted"}),
        Event("test", {"verdict": "wrong_answer"}),
        Event("state", {"state": "[red]\x07"}),
    )
    assert [progress.after(event).plain for event in events] == [
        "Submission 7: waiting for its turn",
        "Submission 7: running",
        "Submission 7: running (1 of 1 tests passed so far)",
        "Submission 7: running (1 of 2 tests passed so far)",
        "Submission 7: [red]\N{REPLACEMENT CHARACTER}",
    ]


def test_a_pipe_gets_a_line_for_each_state(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stream = [Event("state", {"state": state}) for state in ("queued", "finished")]
    monkeypatch.setattr(Client, "events", lambda *_: iter(stream))
    monkeypatch.setattr(Client, "get", lambda *_: client_submission(7))
    assert follow(Server("http://api"), 7, timeout=None).passed
    assert capsys.readouterr().err.splitlines() == ["Submission 7: waiting for its turn", "Submission 7: done"]


@pytest.mark.parametrize(("interrupt", "timeout", "code"), [(True, None, 130), (False, 0.05, 124)])
def test_a_wait_that_ends_early_says_so(
    interrupt: bool,
    timeout: float | None,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def endless(*_: object) -> Iterator[Event]:
        if interrupt:
            raise KeyboardInterrupt
        time.sleep(30)
        yield from ()

    before = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(Client, "events", endless)
    with pytest.raises(typer.Exit) as ended:
        follow(Server("http://api"), 7, timeout=timeout)
    assert ended.value.exit_code == code
    assert f"Submission 7 still runs: see `{own_command()} watch 7 --url http://api`." in capsys.readouterr().err
    assert signal.getsignal(signal.SIGALRM) == before
