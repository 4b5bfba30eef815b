"""If a system does not become ready, the error names the missing part and quotes its log."""

import re
import sys
from collections.abc import Iterator

import pytest

from precieux.up import temporary_server
from precieux.up.notify_socket import NotifySocket
from precieux.up.temporary_server import TemporaryServer
from shared.service.errors import PrecieuxError

_PREAMBLE = """
import os, socket, sys, time
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def say(text):
    notify.sendto(text.encode(), "\\0" + os.environ["NOTIFY_SOCKET"][1:])
def log(service, event):
    print(f'{{"service": "{service}", "event": "{event}"}}', file=sys.stderr, flush=True)
"""


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch) -> "Up":
    return Up(monkeypatch)


class Up:
    """Replaces `precieux up` with a few lines."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def is_(self, code: str, silence: float = 60, longest: float = 300) -> None:
        """The bounds hold from the first message, because a busy machine may take seconds to start Python."""
        received = NotifySocket.messages

        def messages(notify: NotifySocket) -> Iterator[tuple[int, list[bytes]]]:
            for message in received(notify):
                self._monkeypatch.setattr(temporary_server, "_LONGEST_SILENCE", silence)
                self._monkeypatch.setattr(temporary_server, "_LONGEST_START", longest)
                yield message

        self._monkeypatch.setattr(NotifySocket, "messages", messages)
        self._monkeypatch.setattr(
            temporary_server, "command", lambda *_: [sys.executable, "-IS", "-c", _PREAMBLE + code]
        )


def _complaint() -> str:
    with pytest.raises(PrecieuxError) as complaint, TemporaryServer():
        pass
    return str(complaint.value)


def test_a_missing_part_is_named_with_its_log(up: Up) -> None:
    up.is_(
        "log('job_runner', 'cannot')\nsay('STATUS=Waiting for the executor and the job runner'); time.sleep(60)",
        silence=0.5,
    )
    first, *lines = _complaint().splitlines()
    assert re.fullmatch(r"The executor and the job runner did not become ready within \d+ s\. Its log:", first)
    assert lines == ['  {"service": "job_runner", "event": "cannot"}']


@pytest.mark.slow
def test_the_wait_goes_on_while_parts_become_ready(up: Up) -> None:
    up.is_(
        "for n in range(8):\n    time.sleep(0.5); say(f'STATUS=Waiting for the {n}')\nsay('READY=1'); time.sleep(60)",
        silence=2,
    )
    with TemporaryServer() as system:
        assert system.process.poll() is None


def test_the_wait_is_bounded(up: Up) -> None:
    up.is_("while True:\n    say('STATUS=Waiting for the executor'); time.sleep(0.1)", longest=0.5)
    assert re.fullmatch(r"The executor did not become ready within \d+ s\. It logged nothing\.", _complaint())


def test_a_system_that_ends_is_reported_at_once(up: Up) -> None:
    up.is_("log('up', 'no port'); sys.exit(2)")
    assert _complaint() == 'The system ended before it was ready. Its log:\n  {"service": "up", "event": "no port"}'
