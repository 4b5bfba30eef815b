"""`python -m tests.hosts.service STEP...`, as root in a machine that systemd runs: Precieux as a service of it.

Programs are submitted the whole time while a step stops, restarts, upgrades, kills or freezes a part. A step is passed
if every submission that was accepted is answered, with the right output and one mail. What is not accepted because
nobody listens just then is sent again under the same Idempotency-Key, as a client with patience does.

    install         by this environment's `precieux install-service`
    restart         systemctl restart of both units
    stop            systemctl stop, and start again
    upgrade         pip install of --wheel, if one is given, and install-service again
    kill            SIGKILL of the executor, of each service, of Postgres and of `up`, one after the other
    freeze          SIGSTOP of the executor and of each service: the watchdog ends them
    freeze-up       SIGSTOP of `up`
    before-reboot   submits, and leaves a note of what was accepted; then reboot the machine
    after-reboot    waits until all of it is answered
    remove          by `precieux install-service --remove`

Without a step: all of them but the reboot. What a step found is one line; the exit code is 0 if all passed.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import requests

T = TypeVar("T")

URL: Final = "http://127.0.0.1:8000"
DATA: Final = Path("/var/lib/precieux")
NOTE: Final = Path("/var/tmp/precieux-service.json")
UNITS: Final = ("precieux-executor", "precieux")
CHILDREN: Final = ("api_service", "queue_consumer", "job_runner")
#: Quick ones, and some that are surely under way when a part ends.
PROGRAM: Final = "import time\ntime.sleep({seconds})\nprint({number} * {number})\n"
_SECONDS: Final = (0, 0.2, 1)
#: An emulated machine is slow.
_PATIENCE_S: Final = 900
_LOOK_S: Final = 0.5


@dataclass
class Trial:
    """What one step has submitted. `programs` is how many it submits at a time."""

    precieux: Path
    programs: int
    wheel: Path | None
    key: str = ""
    #: Each step has its own, for recipients have budgets.
    recipient: str = ""
    #: What each accepted submission must print, by its id.
    accepted: dict[int, str] = field(default_factory=dict)

    def submit(self, number: int, seconds: float) -> None:
        """Return once it was accepted, however often it must be sent."""
        program = PROGRAM.format(seconds=seconds, number=number)
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": str(uuid.uuid4())}
        form = {"email": self.recipient, "language": "py", "inputs": "", "enable": "0"}

        def register() -> requests.Response:
            files = {"file": ("program.py", program.encode())}
            return requests.post(f"{URL}/submit_email/", data=form, files=files, headers=headers, timeout=60)

        answer = self._patiently(register)
        submission = int(answer.json().removeprefix("Your submission was registered with ID: "))

        def request_execution() -> requests.Response:
            headers = {"Authorization": f"Bearer {self.key}"}
            return requests.get(f"{URL}/check_email/", params={"id": submission}, headers=headers, timeout=60)

        self._patiently(request_execution)
        self.accepted[submission] = f"{number * number}\n"

    def answered(self) -> dict[int, str]:
        """Return the outputs of what has ended, by id."""
        rows = self._patiently(
            lambda: requests.get(
                f"{URL}/check_user/",
                params={"email": self.recipient, "limit": "1000"},
                headers={"Authorization": f"Bearer {self.key}"},
                timeout=60,
            )
        ).json()["result"]
        return {row["id"]: row["output"] for row in rows if row["status"] in ("executed", "failed")}

    def check(self) -> str:
        """Wait until everything that was accepted is answered and mailed; return how much that is."""
        wait_for(lambda: self.accepted.keys() <= self.answered().keys(), _PATIENCE_S, "all is answered")
        answers = self.answered()
        wrong = {number: answers[number] for number, output in self.accepted.items() if answers[number] != output}
        assert not wrong, f"wrong answers: {wrong}"
        wait_for(lambda: self.accepted.keys() <= mails().keys(), _PATIENCE_S, "all is mailed")
        found = mails()
        repeated = {number: found[number] for number in self.accepted if found[number] != 1}
        assert not repeated, f"mails of one submission: {repeated}"
        return f"{len(self.accepted)} accepted, as many answers and mails"

    @contextmanager
    def under_load(self, seconds: Sequence[float] = _SECONDS) -> Iterator[None]:
        """Submit programs while the block runs; it begins when some are accepted, and ends when all are.

        They sleep for so many `seconds`, one after the other.
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

    def _patiently(self, ask: Callable[[], requests.Response]) -> requests.Response:
        """Ask until there is an answer other than that a part is away."""

        def answer() -> requests.Response | None:
            try:
                got = ask()
            except requests.RequestException:
                return None
            return None if got.status_code in (500, 502, 503, 504) else got

        got = wait_for(answer, _PATIENCE_S, "the API answers")
        assert got is not None
        assert got.ok, got.text
        return got

    def save(self) -> None:
        NOTE.write_text(json.dumps({"key": self.key, "recipient": self.recipient, "accepted": self.accepted}))

    def load(self) -> None:
        if NOTE.exists():
            note = json.loads(NOTE.read_text())
            self.key, self.recipient = note["key"], note["recipient"]
            self.accepted = {int(number): output for number, output in note["accepted"].items()}


def mails() -> Counter[int]:
    """The number of mails by submission, whose id is the last word of the subject."""
    found: Counter[int] = Counter()
    for file in (DATA / "outbox").glob("*.eml"):
        try:
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        except FileNotFoundError:
            continue
        found[int(str(mail["Subject"]).rpartition(" - ")[2])] += 1
    return found


# ---- The steps ------------------------------------------------------------------------------------------------------


def install(trial: Trial) -> str:
    run(trial.precieux, "install-service")
    trial.key = run(trial.precieux, "keys", "create", "trial").strip()
    with trial.under_load():
        pass
    return trial.check()


def restart(trial: Trial) -> str:
    with trial.under_load():
        run("systemctl", "restart", *UNITS)
    return trial.check()


def stop(trial: Trial) -> str:
    with trial.under_load():
        run("systemctl", "stop", *UNITS)
        left = [unit for unit in UNITS if Path(f"/sys/fs/cgroup/system.slice/{unit}.service").exists()]
        assert not left, f"processes are left of {left}"
        run("systemctl", "start", *UNITS)
    return trial.check()


def upgrade(trial: Trial) -> str:
    with trial.under_load():
        if trial.wheel:
            pip = trial.precieux.with_name("pip")
            run(pip, "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall", trial.wheel)
        run(trial.precieux, "install-service")
    return trial.check()


def kill(trial: Trial) -> str:
    for name in ("executor", *CHILDREN, "postgres", "up"):
        with trial.under_load():
            replaced(name, signal.SIGKILL, 120)
    return trial.check()


def freeze(trial: Trial) -> str:
    seconds = {}
    for name in ("executor", *CHILDREN):
        with trial.under_load():
            seconds[name] = replaced(name, signal.SIGSTOP, 180)
    return f"{trial.check()}; replaced after {told(seconds)}"


def freeze_up(trial: Trial) -> str:
    with trial.under_load():
        seconds = replaced("up", signal.SIGSTOP, 400)
    return f"{trial.check()}; replaced after {told({'up': seconds})}"


def before_reboot(trial: Trial) -> str:
    with trial.under_load([5]):
        pass
    answered = trial.accepted.keys() & trial.answered().keys()
    return f"{len(trial.accepted)} accepted, {len(answered)} of them answered by now"


def after_reboot(trial: Trial) -> str:
    states = [run("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit) for unit in UNITS]
    started = [f"{unit} {int(state) / 1e6:.0f} s" for unit, state in zip(UNITS, states, strict=True)]
    return f"{trial.check()}; ready after the kernel's start: {', '.join(started)}"


def remove(trial: Trial) -> str:
    run(trial.precieux, "install-service", "--remove")
    states = [run("systemctl", "show", "--property=LoadState", "--value", unit).strip() for unit in UNITS]
    assert states == ["not-found"] * len(UNITS), states
    assert mails(), "data were removed"
    return "no unit is left; data are"


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


def replaced(name: str, number: signal.Signals, patience: float) -> float:
    """Send a signal to a part, and return after how many seconds another process was in its place."""
    before = wait_for(lambda: pid_of(name) or 0, _PATIENCE_S, f"{name} runs")
    began = time.monotonic()
    os.kill(before, number)
    wait_for(lambda: pid_of(name) not in (None, before), patience, f"another {name} runs")
    return time.monotonic() - began


def pid_of(name: str) -> int | None:
    """The main process of a unit, or a child of `up`."""
    if name in ("executor", "up"):
        unit = "precieux-executor" if name == "executor" else "precieux"
        return int(run("systemctl", "show", "--property=MainPID", "--value", unit)) or None
    up = pid_of("up")
    mark = "/postgres\0-D" if name == "postgres" else f"-m\0{name}\0"
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == up and mark in (folder / "cmdline").read_text():
                return int(folder.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def wait_for(look: Callable[[], T], patience: float, what: str) -> T:
    """Return the first true answer. Looks seldom, to leave the machine to what is tried."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {patience:g} s"
        time.sleep(_LOOK_S)
    return found


def run(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr[-3000:]}"
    return done.stdout


def told(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {one:.0f} s" for name, one in seconds.items())


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hosts.service", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], metavar="STEP")
    parser.add_argument(
        "--precieux", type=Path, default=Path(sys.prefix) / "bin/precieux", help="the installed command"
    )
    parser.add_argument("--programs", type=int, default=24, help="submissions under way in each step")
    parser.add_argument("--wheel", type=Path, help="what `upgrade` installs")
    chosen = parser.parse_args(arguments)
    steps = chosen.steps or [name for name in STEPS if not name.endswith("-reboot")]
    trial = Trial(chosen.precieux, chosen.programs, chosen.wheel)
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
