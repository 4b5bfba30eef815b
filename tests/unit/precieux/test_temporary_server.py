"""If a system does not become ready, the error quotes its log."""

import re
import sys
from collections.abc import Callable, Iterator

import pytest

from precieux.up import temporary_server
from precieux.up.temporary_server import TemporaryServer
from shared.common.service.errors import PrecieuxError
from shared.common.supervision.notify_socket import NotifySocket

_PREAMBLE = """
import os, socket, sys, time
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def say(text):
    notify.sendto(text.encode(), "\\0" + os.environ["NOTIFY_SOCKET"][1:])
def log(service, event):
    print(f'{{"service": "{service}", "event": "{event}"}}', file=sys.stderr, flush=True)
"""


@pytest.fixture
def complaint(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs a few lines in place of `precieux up`, and returns why that did not become ready."""

    def complaint(code: str, longest: float = 300) -> str:
        """The bound holds from the first message, because a busy machine may take seconds to start Python."""
        received = NotifySocket.messages

        def messages(notify: NotifySocket) -> Iterator[tuple[int, list[bytes]]]:
            for message in received(notify):
                monkeypatch.setattr(temporary_server, "_MAX_START_S", longest)
                yield message

        monkeypatch.setattr(NotifySocket, "messages", messages)
        monkeypatch.setattr(temporary_server, "command", lambda *_: [sys.executable, "-IS", "-c", _PREAMBLE + code])
        with pytest.raises(PrecieuxError) as raised, TemporaryServer():
            pass
        return str(raised.value)

    return complaint


def test_the_wait_is_bounded(complaint: Callable[..., str]) -> None:
    code = "log('job_runner', 'cannot')\nwhile True:\n    say('STATUS=Waiting'); time.sleep(0.1)"
    first, *lines = complaint(code, longest=0.5).splitlines()
    assert re.fullmatch(r"The system is not ready after \d+ s\. Its log:", first)
    assert lines == ['  {"service": "job_runner", "event": "cannot"}']


def test_a_system_that_ends_is_reported_at_once(complaint: Callable[..., str]) -> None:
    why = complaint("log('up', 'no port'); sys.exit(2)")
    assert why == 'The system ended before it was ready. Its log:\n  {"service": "up", "event": "no port"}'
