"""Clients that send slowly, send too much or read nothing, beside one that behaves well."""

import contextlib
import json
import resource
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from executor.settings import ExecutorSettings
from shared.common.http.bodies import FREE_BYTES
from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.memory_group import forget_peak_memory, peak_memory

pytestmark = pytest.mark.security

_MIB = 1 << 20
#: The MiB of the longest body.
_MAX_MIB = ExecutorSettings().max_body_bytes // _MIB
_FILES = 1024
_BODIES = 40


@pytest.fixture(scope="module")
def executor() -> Iterator[RunningExecutor]:
    with running_executor(executor_slots="2") as running:
        yield running


def _connect(executor: RunningExecutor) -> socket.socket:
    address = urlsplit(executor.url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=60)


def _runs(executor: RunningExecutor) -> bool:
    answer = httpx.post(executor.url, json={"language": "py", "code": "print(input())", "input": "1"}, timeout=60)
    return bool(answer.json().get("output") == "1\n")


def test_half_sent_heads_do_not_lock_others_out(executor: RunningExecutor) -> None:
    resource.prlimit(executor.pid, resource.RLIMIT_NOFILE, (_FILES, _FILES))
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 2 * _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * _FILES, _))
    with contextlib.ExitStack() as stack:
        for _ in range(_FILES + 76):
            connection = stack.enter_context(_connect(executor))
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n")
        assert _runs(executor)
        assert len(list(Path(f"/proc/{executor.pid}/fd").iterdir())) < _FILES // 2 + 100


def test_stalled_bodies_together_stay_within_the_budget(executor: RunningExecutor) -> None:
    assert _runs(executor)
    forget_peak_memory(executor.pid)
    before = peak_memory(executor.pid)
    with contextlib.ExitStack() as stack:
        for chunked in [False, True] * (_BODIES // 2):
            connection = stack.enter_context(_connect(executor))
            framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {_MAX_MIB * _MIB}"
            connection.sendall(f"POST / HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode())
            with contextlib.suppress(ConnectionError):
                for _ in range(_MAX_MIB):
                    if select.select([connection], [], [], 0)[0]:
                        break  # the body is refused
                    connection.sendall(b"%x\r\n" % _MIB * chunked + b" " * _MIB + b"\r\n" * chunked)
        assert _runs(executor)
    # The budget leaves out the first bytes of each body. A buffer that grows is copied.
    assert peak_memory(executor.pid) - before < 2 * (ExecutorSettings().max_bodies_bytes + _BODIES * FREE_BYTES)


@pytest.mark.slow
def test_unread_answers_take_bounded_memory(executor: RunningExecutor) -> None:
    """These answers are the largest possible: every byte of both streams becomes six."""
    assert _runs(executor)
    forget_peak_memory(executor.pid)
    before = peak_memory(executor.pid)
    flood = "import sys\nfor s in sys.stdout, sys.stderr: s.write(chr(1) * ((1 << 20) - 1))"
    body = json.dumps({"language": "py", "code": flood}).encode()
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            connection = stack.enter_context(_connect(executor))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            # Until the answer begins, or unread answers fill the slots.
            select.select([connection], [], [], 1)
        grown = peak_memory(executor.pid) - before
    assert grown < 2 * 4 * 12 * _MIB  # slots, copies while an answer is written, bytes of one
    assert _runs(executor)
