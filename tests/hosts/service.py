"""`python -m tests.hosts.service STEP...` tests Precieux as a service of systemd. Run it as root, or with `--user`.

A step stops, restarts, upgrades, kills or freezes a part while programs are submitted. It passes if each submission
that was accepted has the right output and one mail. If no service listens, a request is sent again with the same
Idempotency-Key, as a patient client does.

    install         run this environment's `precieux install-service`, and start the units
    restart         restart both units with systemctl
    stop            stop both units and start them again
    upgrade         install --wheel with pip, if it is given, and install again
    kill            send SIGKILL to the executor, each service, Postgres and `up`, one after the other
    freeze          send SIGSTOP to the executor and each service, so that the watchdog ends them
    freeze-up       send SIGSTOP to `up`
    before-reboot   submit programs and save what was accepted; then reboot the machine
    after-reboot    wait until all saved submissions are answered
    remove          stop and remove the units

Without a STEP, all steps except those of the reboot run. Each step prints one line. The exit code is 0 if all passed.
"""

import argparse
import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import requests

T = TypeVar("T")

URL: Final = "http://127.0.0.1:8000"
NOTE: Final = Path(f"/var/tmp/precieux-service-{os.getuid()}.json")
UNITS: Final = ("precieux-executor", "precieux")
CHILDREN: Final = ("api_service", "queue_consumer", "job_runner")
#: Some programs end at once, and some still run when a part ends.
PROGRAM: Final = "import time\ntime.sleep({seconds})\nprint({number} * {number})\n"
_SECONDS: Final = (0, 0.2, 1)
#: An emulated machine is slow.
_PATIENCE_S: Final = 900
_POLL_S: Final = 0.5


@dataclass(frozen=True)
class Service:
    """A service as `precieux install-service` makes it. `options` are those of systemctl and of `install-service`."""

    precieux: Path
    data: Path = Path("/var/lib/precieux")
    options: tuple[str, ...] = ()

    def install(self) -> None:
        run(self.precieux, "install-service", *self.options)
        self.systemctl("enable", *UNITS)
        self.systemctl("restart", *UNITS)

    def systemctl(self, *words: str) -> str:
        return run("systemctl", *self.options, *words)

    def show(self, name: str) -> list[str]:
        """Return a property of both units."""
        return [self.systemctl("show", f"--property={name}", "--value", unit).strip() for unit in UNITS]

    def mails(self) -> Counter[int]:
        """Return the number of mails for each submission. Its id is at the end of the subject."""
        counts: Counter[int] = Counter()
        for file in (self.data / "outbox").glob("*.eml"):
            try:
                mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            except FileNotFoundError:
                continue
            counts[int(str(mail["Subject"]).rpartition("#")[2].removesuffix(")"))] += 1
        return counts

    def signal_and_wait(self, name: str, number: signal.Signals, patience: float) -> float:
        """Send a signal to a part, wait for the process that replaces it, and return the seconds that this took."""
        before = wait_for(lambda: self.pid_of(name) or 0, _PATIENCE_S, f"{name} runs")
        began = time.monotonic()
        os.kill(before, number)
        wait_for(lambda: self.pid_of(name) not in (None, before), patience, f"another {name} runs")
        return time.monotonic() - began

    def pid_of(self, name: str) -> int | None:
        """Return the main process of a unit, or a child of `up`."""
        if name in ("executor", "up"):
            return int(self.show("MainPID")[name == "up"]) or None
        up = self.pid_of("up")
        mark = "/postgres -D " if name == "postgres" else f"-m {name} "
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == up and mark in f"{(folder / 'cmdline').read_text()} ".replace("\0", " "):
                    return int(folder.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
        return None


@dataclass
class Trial:
    """The submissions of one step. `programs` is how many `under_load` makes."""

    service: Service
    programs: int
    wheel: Path | None
    key: str = ""
    #: Each step has its own recipient, because recipients have budgets.
    recipient: str = ""
    #: The expected output of each accepted submission, by its id.
    accepted: dict[int, str] = field(default_factory=dict)

    def submit(self, number: int, seconds: float) -> None:
        """Submit a program, and send it again until it is accepted."""
        program = PROGRAM.format(seconds=seconds, number=number)
        body = {"language": "py", "source": program, "email": self.recipient}
        submission = self._call("POST", "/v1/submissions", {"Idempotency-Key": str(uuid.uuid4())}, json=body)
        self.accepted[submission["id"]] = f"{number * number}\n"

    def ended(self) -> dict[int, str | None]:
        """Return the outputs of the submissions that have ended, by id."""
        rows = [self._call("GET", f"/v1/submissions/{number}") for number in self.accepted]
        return {row["id"]: row["run"]["stdout"] for row in rows if row["state"] in ("finished", "failed")}

    def check(self) -> str:
        """Wait until each accepted submission is answered and mailed once. Return their number as text."""
        wait_for(lambda: self.accepted.keys() == self.ended().keys(), _PATIENCE_S, "all is answered")
        answers = self.ended()
        wrong = {number: answers[number] for number, output in self.accepted.items() if answers[number] != output}
        assert not wrong, f"wrong answers: {wrong}"
        wait_for(lambda: self.accepted.keys() <= self.service.mails().keys(), _PATIENCE_S, "all is mailed")
        counts = self.service.mails()
        repeated = {number: counts[number] for number in self.accepted if counts[number] != 1}
        assert not repeated, f"mails of one submission: {repeated}"
        return f"{len(self.accepted)} accepted, answered and mailed"

    @contextmanager
    def under_load(self, seconds: Sequence[float] = _SECONDS) -> Iterator[None]:
        """Submit programs while the block runs. The block begins when a quarter of them are accepted.

        At its end, wait until all are accepted. Each program sleeps for the next of the `seconds`, in turn.
        """
        first = len(self.accepted)

        def submit() -> None:
            for number in range(first, first + self.programs):
                self.submit(number, seconds[number % len(seconds)])

        thread = threading.Thread(target=submit)
        thread.start()
        try:
            wait_for(lambda: len(self.accepted) - first >= self.programs / 4, _PATIENCE_S, "some are accepted")
            yield
        finally:
            thread.join(_PATIENCE_S)
        assert not thread.is_alive(), "not all were accepted"

    def _call(self, method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), **body: Any) -> Any:
        """Send a request until it is answered by something other than an unavailable service. Return the answer."""
        headers = {"Authorization": f"Bearer {self.key}", **headers}

        def answer() -> requests.Response | None:
            try:
                response = requests.request(method, URL + path, headers=headers, timeout=60, **body)
            except requests.RequestException:
                return None
            return None if response.status_code in (500, 502, 503, 504) else response

        response = wait_for(answer, _PATIENCE_S, "the API answers")
        assert response is not None
        assert response.ok, response.text
        return response.json()

    def save(self) -> None:
        NOTE.write_text(json.dumps({"key": self.key, "recipient": self.recipient, "accepted": self.accepted}))

    def load(self) -> None:
        if NOTE.exists():
            note = json.loads(NOTE.read_text())
            self.key, self.recipient = note["key"], note["recipient"]
            self.accepted = {int(number): output for number, output in note["accepted"].items()}


# ---- The steps ------------------------------------------------------------------------------------------------------


def install(trial: Trial) -> str:
    trial.service.install()
    trial.key = run(trial.service.precieux, "keys", "create", "trial").strip()
    with trial.under_load():
        pass
    return trial.check()


def restart(trial: Trial) -> str:
    with trial.under_load():
        trial.service.systemctl("restart", *UNITS)
    return trial.check()


def stop(trial: Trial) -> str:
    with trial.under_load():
        groups = trial.service.show("ControlGroup")
        trial.service.systemctl("stop", *UNITS)
        left = [group for group in groups if Path(f"/sys/fs/cgroup{group}").exists()]
        assert not left, f"processes of {left} still run"
        trial.service.systemctl("start", *UNITS)
    return trial.check()


def upgrade(trial: Trial) -> str:
    with trial.under_load():
        if trial.wheel:
            pip = trial.service.precieux.with_name("pip")
            run(pip, "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall", trial.wheel)
        trial.service.install()
    return trial.check()


def kill(trial: Trial) -> str:
    for name in ("executor", *CHILDREN, "postgres", "up"):
        with trial.under_load():
            trial.service.signal_and_wait(name, signal.SIGKILL, 120)
    return trial.check()


def freeze(trial: Trial) -> str:
    seconds = {}
    for name in ("executor", *CHILDREN):
        with trial.under_load():
            seconds[name] = trial.service.signal_and_wait(name, signal.SIGSTOP, 180)
    return f"{trial.check()}; replaced after {format_seconds(seconds)}"


def freeze_up(trial: Trial) -> str:
    with trial.under_load():
        seconds = trial.service.signal_and_wait("up", signal.SIGSTOP, 400)
    return f"{trial.check()}; replaced after {format_seconds({'up': seconds})}"


def before_reboot(trial: Trial) -> str:
    with trial.under_load([5]):
        pass
    return f"{len(trial.accepted)} accepted, {len(trial.ended())} of them answered by now"


def after_reboot(trial: Trial) -> str:
    answered = trial.check()
    states = trial.service.show("ActiveEnterTimestampMonotonic")
    started = [f"{unit} {int(state) / 1e6:.0f} s" for unit, state in zip(UNITS, states, strict=True)]
    return f"{answered}; ready after the kernel's start: {', '.join(started)}"


def remove(trial: Trial) -> str:
    trial.service.systemctl("disable", "--now", *UNITS)
    for path in trial.service.show("FragmentPath"):
        Path(path).unlink()
    trial.service.systemctl("daemon-reload")
    states = trial.service.show("LoadState")
    assert states == ["not-found"] * len(UNITS), states
    assert trial.service.mails(), "the data were removed too"
    return "the units are removed, and the data are kept"


STEPS: Final[dict[str, Callable[[Trial], str]]] = {
    "install": install,
    "restart": restart,
    "stop": stop,
    "upgrade": upgrade,
    "kill": kill,
    "freeze": freeze,
    "freeze-up": freeze_up,
    "before-reboot": before_reboot,
    "after-reboot": after_reboot,
    "remove": remove,
}


def wait_for(condition: Callable[[], T], patience: float, what: str) -> T:
    """Return the condition's first true value. It is checked seldom, to leave the processor to the programs."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {patience:g} s: {what}"
        time.sleep(_POLL_S)
    return found


def run(*words: str | Path) -> str:
    """Run a command and return its output."""
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(map(str, words))}: {result.stderr[-3000:]}"
    return result.stdout


def format_seconds(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {one:.0f} s" for name, one in seconds.items())


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hosts.service", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], metavar="STEP")
    parser.add_argument(
        "--precieux",
        type=Path,
        default=Path(sys.prefix) / "bin/precieux",
        help="the path of the installed command `precieux`",
    )
    parser.add_argument("--user", action="store_true", help="test the service of the calling user")
    parser.add_argument("--programs", type=int, default=24, help="the number of submissions in each step")
    parser.add_argument("--wheel", type=Path, help="the wheel that `upgrade` installs")
    options = parser.parse_args(arguments)
    steps = options.steps or [name for name in STEPS if not name.endswith("-reboot")]
    service = Service(options.precieux)
    if options.user:
        service = Service(options.precieux, Path.home() / ".local/share/precieux", ("--user",))
    trial = Trial(service, options.programs, options.wheel)
    trial.load()
    for name in steps:
        if name != "after-reboot":
            trial.recipient, trial.accepted = f"{name}-{uuid.uuid4().hex[:8]}@example.com", {}
        began = time.monotonic()
        try:
            words = STEPS[name](trial)
        except AssertionError as exc:
            print(f"{name}: FAILED after {time.monotonic() - began:.0f} s: {exc}", flush=True)
            return 1
        print(f"{name}: {words} ({time.monotonic() - began:.0f} s)", flush=True)
        trial.save()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
