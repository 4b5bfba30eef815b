"""The fixture that receives sd_notify(3) messages."""

import subprocess
import sys

import pytest

from shared.notify import notify_ready
from tests.fixtures.readiness import NotReadyError, Readiness

_SAY = """
import os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.connect("\\0" + sys.argv[1][1:])
    for message in sys.argv[2:]:
        notify.send(message.encode())
    print(os.getpid())
"""


def _say(readiness: Readiness, *messages: str) -> "subprocess.Popen[str]":
    """Start a shell whose child sends messages and prints its process id."""
    command = ["sh", "-c", '"$@"; read end', "sh", sys.executable, "-c", _SAY, readiness.address, *messages]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_id_is_the_senders_and_not_the_started_process() -> None:
    with Readiness() as readiness, _say(readiness, "STATUS=starting", "READY=1") as shell:
        assert shell.stdout is not None
        assert shell.stdin is not None
        assert readiness.wait(shell.pid, 20) == int(shell.stdout.readline()) != shell.pid
        shell.stdin.close()


def test_a_process_that_ends_before_it_is_ready_ends_the_wait() -> None:
    with Readiness() as readiness, _say(readiness, "STATUS=READY=1 soon") as shell:
        assert shell.stdin is not None
        shell.stdin.close()
        with pytest.raises(NotReadyError):
            readiness.wait(shell.pid, 20)


def test_services_reach_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with Readiness() as readiness, _say(readiness) as shell:
        monkeypatch.setenv("NOTIFY_SOCKET", readiness.address)
        notify_ready()
        readiness.wait(shell.pid, 20)
