"""The supervisor with tiny programs in place of the services."""

import dataclasses
import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from shared.common.service.errors import ConfigurationError
from shared.common.service.notify import notify_status as send_status
from shared.common.service.retry import RetryPolicy
from shared.common.supervision import child as child_module
from shared.common.supervision import supervisor as supervisor_module
from shared.common.supervision import waiting
from shared.common.supervision.child import ChildProgram
from shared.common.supervision.notify_socket import NotifySocket
from shared.common.supervision.supervisor import StartFailed, StopRequested, Supervisor
from tests.fixtures.processes import Process, descendants, survivors
from tests.waiting import eventually_sync

PREAMBLE = """
import os, signal, socket, subprocess, sys, time
def say(word):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.sendto(word, "\\0" + os.environ["NOTIFY_SOCKET"][1:])
def ready():
    say(b"READY=1")
def live(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        say(b"WATCHDOG=1")
        time.sleep(0.02)
def write(word):
    with open(os.environ["DIARY"], "a") as diary:
        diary.write(word + "\\n")
def lines():
    return open(os.environ["DIARY"]).read().split()
def stop_parent():
    os.kill(os.getppid(), signal.SIGTERM)
def wait():
    while True: time.sleep(60)
"""


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    path = tmp_path / "diary"
    path.touch()
    return path


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "BACKOFF", RetryPolicy(base=0.001, cap=0.01))


def program(diary: Path, code: str, *, name: str = "fake", rank: int = 0) -> ChildProgram:
    return ChildProgram(
        name, [sys.executable, "-IS", "-c", PREAMBLE + code, str(diary)], {"DIARY": str(diary), "NAME": name}, rank
    )


def programs(diary: Path) -> list[Process]:
    """Return the processes of this test. Servers of other tests may be our children too."""
    return [process for process in descendants(os.getpid()) if str(diary) in process.command]


class Server:
    """A guarded server that has died, and does this at each start before it runs."""

    def __init__(self, at_start: Callable[[], object] = lambda: None) -> None:
        self.running = False
        self.starts = 0
        self._at_start = at_start

    def start(self) -> None:
        self.starts += 1
        self._at_start()
        self.running = True


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_wait_ready_waits_for_all_and_leaving_stops_them(diary: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start([program(diary, "ready(); wait()", name=name) for name in ("one", "two")])
        supervisor.wait_ready()
        running = programs(diary)
        assert len(running) == 2
    assert not survivors(running)


@pytest.mark.parametrize(
    ("end", "watchdog", "starts"),
    [("", 30, 3), ("os.kill(os.getpid(), 40)", 30, 2), ("sys.exit(78)", 30, 2), ("wait()", 0.3, 2)],
    ids=["ends", "killed by a real-time signal", "EX_CONFIG after it was ready", "silent"],
)
def test_a_child_that_was_ready_is_restarted(diary: Path, end: str, watchdog: float, starts: int) -> None:
    code = f"write('start'); ready()\nif len(lines()) == {starts}: stop_parent(); wait()\n{end}"
    with Supervisor(watchdog=watchdog) as supervisor:
        supervisor.start([program(diary, code)])
        with pytest.raises(StopRequested):
            supervisor.run_forever()
    assert diary.read_text().split() == ["start"] * starts


def test_a_child_that_cannot_be_started_again_is_tried_later(diary: Path, tmp_path: Path) -> None:
    """Its program is missing for a moment. A kernel without a free process refuses the start too (fork(2), EAGAIN)."""
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    away = f"os.rename({str(python)!r}, {str(python)!r} + '.away')"
    code = f"write('start'); ready()\nif len(lines()) == 1: {away}\nelse: stop_parent(); wait()"
    tried = []

    def log_warning(event: str, **context: object) -> None:
        tried.append(context["how"])
        if len(tried) == 2:
            os.rename(f"{python}.away", python)

    started = program(diary, code)
    with pytest.MonkeyPatch.context() as patch, Supervisor() as supervisor:
        patch.setattr(supervisor_module.log, "warning", log_warning)
        supervisor.start([dataclasses.replace(started, command=[str(python), *started.command[1:]])])
        with pytest.raises(StopRequested):
            supervisor.run_forever()
    assert tried == ["exit code 0", "it cannot be started: No such file or directory"]
    assert diary.read_text().split() == ["start"] * 2


@pytest.mark.usefixtures("short_pauses")
def test_a_child_that_never_starts_is_given_up(diary: Path) -> None:
    missing = dataclasses.replace(program(diary, ""), command=["/nowhere/python"])
    with Supervisor() as supervisor:
        supervisor.start([missing])
        with pytest.raises(StartFailed, match=r"before it was ready \(it cannot be started: No such file"):
            supervisor.wait_ready()
        with pytest.raises(StartFailed, match=r"fake cannot be started: No such file or directory\."):
            supervisor.run_to_end(missing)


def test_a_configuration_error_stops_everything_at_once(diary: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(
            [program(diary, "write('start'); sys.exit(78)"), program(diary, "ready(); wait()", name="other")]
        )
        with pytest.raises(ConfigurationError, match="fake cannot run with these settings"):
            supervisor.wait_ready()
        running = programs(diary)
    assert diary.read_text().split() == ["start"]
    assert not survivors(running)


@pytest.mark.usefixtures("short_pauses")
def test_a_child_that_is_never_ready_is_given_up(diary: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start([program(diary, "write('start'); sys.exit(3)")])
        with pytest.raises(StartFailed, match=r"fake ended 5 times before it was ready \(exit code 3\)"):
            supervisor.wait_ready()
    assert diary.read_text().split() == ["start"] * 5


def test_children_stop_by_rank_the_highest_first(diary: Path) -> None:
    code = """
def end(*_):
    write("stop-" + os.environ["NAME"])
    time.sleep(0.1)  # long enough for the next rank to get its signal, if that were sent at once
    write("end-" + os.environ["NAME"])
    sys.exit()
signal.signal(signal.SIGTERM, end)
ready(); wait()
"""
    names = ("executor", "runner", "api")
    with Supervisor() as supervisor:
        supervisor.start([program(diary, code, name=name, rank=rank) for rank, name in enumerate(names)])
        supervisor.wait_ready()
    assert diary.read_text().split() == [f"{word}-{name}" for name in reversed(names) for word in ("stop", "end")]


def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(diary: Path) -> None:
    with Supervisor(grace=0.2) as supervisor:
        supervisor.start([program(diary, "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready(); wait()")])
        supervisor.wait_ready()
        running = programs(diary)
    assert running
    assert not survivors(running)


def test_the_descendants_of_a_killed_child_are_killed(diary: Path) -> None:
    code = "subprocess.Popen(['sleep', '300']); write('start'); ready()\nif len(lines()) == 2: stop_parent()\nwait()"
    with Supervisor() as supervisor:
        supervisor.start([program(diary, code)])
        supervisor.wait_ready()
        (child,) = programs(diary)
        (grandchild,) = descendants(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(StopRequested):
            supervisor.run_forever()
        eventually_sync(lambda: not grandchild.alive)


def test_a_guarded_server_that_died_is_restarted(diary: Path) -> None:
    server = Server()
    with Supervisor() as supervisor:
        supervisor.guard("server", server)
        for name in ("one", "two"):
            supervisor.start([program(diary, "ready(); wait()", name=name)])
            supervisor.wait_ready()
            server.running = False
    assert server.starts == 2


def test_a_stop_signal_ends_the_wait_for_a_server() -> None:
    def wait() -> None:
        stop()
        supervisor.raise_if_stopped()

    server = Server(wait)
    with Supervisor() as supervisor:
        supervisor.raise_if_stopped()
        supervisor.guard("server", server)
        with pytest.raises(StopRequested):
            supervisor.run_forever()
    assert not server.running, "it went on"


def test_a_server_that_the_kernel_refuses_is_tried_later() -> None:
    def refuse_once() -> None:
        if server.starts == 1:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        stop()

    server = Server(refuse_once)
    with Supervisor() as supervisor:
        supervisor.guard("server", server)
        with pytest.raises(StopRequested):
            supervisor.run_forever()
    assert server.running


def test_a_child_that_reports_that_it_is_alive_is_kept(diary: Path) -> None:
    """Also if its messages are read late, after a slow start of the server."""
    recovering = Server(lambda: time.sleep(1.5))
    with Supervisor(watchdog=1) as supervisor:
        supervisor.start([program(diary, "write('start'); ready(); live(3); stop_parent(); wait()")])
        supervisor.wait_ready()
        supervisor.guard("server", recovering)
        with pytest.raises(StopRequested):
            supervisor.run_forever()
    assert diary.read_text().split() == ["start"]


def test_a_child_does_not_inherit_our_watchdog_pid(diary: Path) -> None:
    watched = program(diary, "write(os.environ['WATCHDOG_USEC'] + str('WATCHDOG_PID' in os.environ))")
    watched = dataclasses.replace(watched, environment={**watched.environment, "WATCHDOG_PID": "1"})
    with Supervisor(watchdog=7) as supervisor:
        supervisor.run_to_end(watched)
    assert diary.read_text() == "7000000False\n"


def test_the_supervisor_reports_that_it_is_alive(diary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(NotifySocket()) as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        with Supervisor() as supervisor:
            supervisor.start([program(diary, "ready(); live(1); stop_parent(); wait()")])
            with pytest.raises(StopRequested):
                supervisor.run_forever()
        messages = list(systemd.messages())
    assert len(messages) >= 3
    assert messages == [(os.getpid(), [b"WATCHDOG=1"])] * len(messages)
    assert len(messages) < 30, "one each third of the time, not at every turn of the loop"


def test_run_to_end_raises_on_failure(diary: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.run_to_end(program(diary, "write('done')"))
        with pytest.raises(StartFailed, match=r"fake failed \(exit code 4\)"):
            supervisor.run_to_end(program(diary, "sys.exit(4)"))
        with pytest.raises(ConfigurationError):
            supervisor.run_to_end(program(diary, "sys.exit(78)"))
    assert diary.read_text().split() == ["done"]


def test_signal_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    with Supervisor():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)] == before


def test_the_parent_gets_the_names_of_unready_parts(
    diary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One child becomes ready after the first report, one after a restart, and a third runs to its end meanwhile."""
    reported = tmp_path / "reported"
    reported.touch()

    def notify_status(status: str, more_s: float = 0) -> None:
        send_status(status, more_s)
        reported.write_text("yes")

    monkeypatch.setattr(waiting, "notify_status", notify_status)
    again = "write('start')\nif len(lines()) == 1: sys.exit(3)\nready(); wait()"
    with closing(NotifySocket()) as notify:
        monkeypatch.setenv("NOTIFY_SOCKET", notify.address)
        with Supervisor() as supervisor:
            supervisor.start([program(reported, "while not lines(): time.sleep(0.01)\nready(); wait()", name="one")])
            supervisor.wait_ready()
            supervisor.start([program(diary, again, name="two")])
            supervisor.run_to_end(program(diary, "while len(lines()) < 2: time.sleep(0.01)", name="migrate"))
            supervisor.wait_ready()
        first, *rest = [b"\n".join(lines).decode() for _, lines in notify.messages()]
    more = "EXTEND_TIMEOUT_USEC=300000000"
    assert first == f"STATUS=Waiting for the one\n{more}"
    both = "STATUS=Waiting for the migrations and the two"
    assert [one for one in rest if one.startswith(both)] == [f"{both}\n{more}", both]  # once more after its restart


def test_the_log_names_unready_parts_after_a_while(diary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child becomes ready when the log has named it."""
    events: list[dict[str, object]] = []

    def info(event: str, **context: object) -> None:
        events.append({"event": event, **context})
        diary.write_text("logged")

    monkeypatch.setattr(waiting.log, "info", info)
    with Supervisor(long_wait=0.01) as supervisor:
        supervisor.start([program(diary, "while not lines(): time.sleep(0.01)\nready(); wait()", name="slow")])
        supervisor.wait_ready()
    assert events == [{"event": "up.waiting", "waiting_for": "slow", "seconds": 0}]
