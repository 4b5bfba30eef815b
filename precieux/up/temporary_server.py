"""Runs `precieux up` as a child process, on free ports and in a temporary folder."""

import os
import secrets
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final, Self

import requests

from precieux.host.ports import free_ports
from precieux.up.services import command
from shared.common.service.errors import PrecieuxError
from shared.common.service.parent_death import die_with_parent
from shared.common.service.settings import PREFIX
from shared.common.supervision.notify_socket import NotifySocket

#: Seconds that a start may take.
_MAX_START_S = 180.0
_LINES: Final = 12
_STOP_TIMEOUT: Final = 60.0


class TemporaryServer:
    """A temporary system, as a context manager for the main thread. `settings` are `PRECIEUX_*` variables for `up`.

    It does not inherit the caller's `PRECIEUX_*`, because it must not use a real database or send real mails.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = dict(settings or {})
        self._stack = ExitStack()
        self._token = secrets.token_urlsafe(24)
        self.port, self._executor_port = free_ports(2)
        self.url: Final = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes]
        self.data_dir: Path

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.data_dir = Path(stack.enter_context(_temporary_folder()))
            stack.callback(self._stop)
            self._start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def mail_folder(self) -> Path:
        return self.data_dir / "outbox"

    @property
    def log(self) -> Path:
        """The log file of `up` and its services."""
        return self.data_dir / "up.log"

    def languages(self) -> set[str]:
        """Return the CodeX codes of the languages that the executor offers on this machine."""
        answer = requests.get(
            f"http://127.0.0.1:{self._executor_port}/list",
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=30,
        )
        answer.raise_for_status()
        return {entry["language"] for entry in answer.json()["supportedLanguages"]}

    def _start(self) -> None:
        outer = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environment = {
            **outer,
            f"{PREFIX}DATA_DIR": str(self.data_dir),
            f"{PREFIX}PORT": str(self.port),
            f"{PREFIX}EXECUTOR_PORT": str(self._executor_port),
            f"{PREFIX}CODEX_TOKEN": self._token,
            **self._settings,
        }
        with closing(NotifySocket()) as notify, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command("precieux", "up"),
                env={**environment, "NOTIFY_SOCKET": notify.address},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only us, and we stop it
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
            self._await_ready(notify)

    def _await_ready(self, notify: NotifySocket) -> None:
        began = time.monotonic()
        while not any(b"READY=1" in lines for _, lines in notify.messages()):
            if self.process.poll() is not None:
                raise PrecieuxError(f"The system ended before it was ready. {self._last_lines()}")
            if time.monotonic() > began + _MAX_START_S:
                raise PrecieuxError(f"The system is not ready after {_MAX_START_S:.0f} s. {self._last_lines()}")
            select.select([notify], [], [], 0.1)  # not long, so that the end of the process is noticed

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "\n  ".join(["Its log:", *lines[-_LINES:]]) if lines else "It logged nothing."

    def _stop(self) -> None:
        process: subprocess.Popen[bytes] | None = getattr(self, "process", None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    # Root's Postgres runs as another user, who can pass through this folder but not through root's own TMPDIR.
    root = os.geteuid() == 0
    folder = tempfile.TemporaryDirectory(prefix=f"precieux-{os.getpid()}-", dir="/tmp" if root else None)  # noqa: S108
    if root:
        Path(folder.name).chmod(0o711)
    return folder
