"""If a system does not come up, the error names the part that is missing and quotes what it said."""

import re
import sys

import pytest

from precieux import throwaway_system
from precieux.throwaway_system import ThrowawaySystem
from shared.errors import PrecieuxError

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
    """A few lines in the place of `precieux up`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def is_(self, code: str, timeout: float = 60, longest: float = 300) -> None:
        self._monkeypatch.setattr(
            throwaway_system, "command", lambda *_: [sys.executable, "-IS", "-c", _PREAMBLE + code]
        )
        self._monkeypatch.setattr(throwaway_system, "_START_TIMEOUT", timeout)
        self._monkeypatch.setattr(throwaway_system, "_LONGEST_START", longest)


def _complaint() -> str:
    with pytest.raises(PrecieuxError) as complaint, ThrowawaySystem():
        pass
    return str(complaint.value)


def test_the_part_that_is_missing_is_named_with_what_it_said(up: Up) -> None:
    up.is_(
        "log('executor', 'cannot'); log('migrate', 'schema.current')\n"
        "say('STATUS=Waiting for the executor'); time.sleep(60)",
        timeout=2,
    )
    first, *said = _complaint().splitlines()
    assert re.fullmatch(r"The executor did not become ready within \d+ s\. Its log:", first)
    assert said == ['  {"service": "executor", "event": "cannot"}']


def test_parts_that_said_nothing_are_named_with_what_others_said(up: Up) -> None:
    up.is_(
        "log('migrate', 'schema.current')\nsay('STATUS=Waiting for the executor and the api_service'); time.sleep(60)",
        timeout=2,
    )
    complaint = _complaint()
    assert re.match(r"The executor and the api_service did not become ready within \d+ s\. Its log:", complaint)
    assert "schema.current" in complaint


def test_it_is_waited_for_while_parts_get_ready(up: Up) -> None:
    up.is_(
        "for n in range(8):\n    time.sleep(0.5); say(f'STATUS=Waiting for the {n}')\nsay('READY=1'); time.sleep(60)",
        timeout=2,
    )
    with ThrowawaySystem() as system:
        assert system.process.poll() is None


def test_it_is_not_waited_for_beyond_all_measure(up: Up) -> None:
    up.is_("while True:\n    say('STATUS=Waiting for the executor'); time.sleep(0.1)", timeout=60, longest=2)
    assert re.fullmatch(r"The executor did not become ready within \d+ s\. It logged nothing\.", _complaint())


def test_one_that_ends_is_told_at_once(up: Up) -> None:
    up.is_("log('up', 'no port'); sys.exit(2)")
    assert _complaint() == 'The system ended before it was ready. Its log:\n  {"service": "up", "event": "no port"}'
