"""Runs a package manager once for each list of packages, and waits while there is no network."""

import fcntl
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from executor.libraries.folder import Installation
from shared.errors import ConfigurationError
from shared.logging import get_logger
from shared.notify import notify_status
from shared.parent_death import die_with_parent

log = get_logger(__name__)

#: Seconds for one list of packages, with the waiting for a network.
_MOST_SECONDS: Final = 900.0
#: Seconds between two attempts without a network.
_PAUSE_SECONDS: Final = 10.0
#: Characters of a package manager's message that an operator sees.
_MOST_OF_A_MESSAGE: Final = 600


def install(installation: Installation, *, most_seconds: float = _MOST_SECONDS, pause: float = _PAUSE_SECONDS) -> None:
    """Install the packages. Raises `ConfigurationError` if that fails, or if there is no network in all that time.

    The folder appears only when it is complete. Of several executors with one cache, one installs and the others wait.
    The package manager ends with the thread that calls this.
    """
    try:
        _install(installation, most_seconds, pause)
    except OSError as exc:
        raise ConfigurationError(
            f"The packages of {installation.setting} cannot be installed into {installation.folder}: {exc}. Set "
            "PRECIEUX_EXECUTOR_CACHE_DIR to a folder that can be written to. An image gets packages when it is built."
        ) from exc


def _install(installation: Installation, most_seconds: float, pause: float) -> None:
    log.info("libraries.installing", setting=installation.setting, packages=installation.packages)
    # Another executor may hold the lock for as long.
    notify_status(f"Waiting for the packages of {installation.setting}", most_seconds + pause + 5)
    with _locked(installation.folder) as lock, _unfinished(installation.folder) as unfinished:
        if installation.folder.exists():
            return
        began = time.monotonic()
        while True:
            left = most_seconds - (time.monotonic() - began)
            # systemd and `up` wait for as long, and then a fault ends in a sentence.
            notify_status(f"Installing the packages of {installation.setting}", max(left, 1.0) + pause + 5)
            output = _run(installation.command(unfinished), unfinished, lock, max(left, 1.0))
            if output is None:
                break
            left = most_seconds - (time.monotonic() - began)
            if left <= pause or not any(sign in output for sign in installation.network_signs):
                raise _failed(installation, output)
            log.warning("libraries.no_network", setting=installation.setting, again_in_s=pause, left_s=round(left))
            time.sleep(pause)
        for path in installation.unwanted(unfinished):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        unfinished.rename(installation.folder)
    log.info("libraries.installed", setting=installation.setting, seconds=round(time.monotonic() - began, 1))


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(folder.name + ending)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Yield the descriptor of a lock, which is also held by the processes that inherit it."""
    with _beside(folder, ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Make an empty folder beside `folder`, and remove it unless it has been renamed. One may be left of a process that
    was killed."""
    unfinished = _beside(folder, ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o755)
    unfinished.chmod(0o755)
    try:
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _run(command: list[str], folder: Path, lock: int, seconds: float) -> str | None:
    """Return None if the command succeeds, and otherwise its output."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            pass_fds=[lock],  # so that it is held until the package manager has ended
            preexec_fn=die_with_parent(signal.SIGKILL),
            umask=0o022,  # programs, which are other users, must be able to read the files
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        return f"{(exc.output or b'').decode(errors='replace')}\nit took longer than {seconds:.0f} s"
    except OSError as exc:
        return str(exc)
    return done.stdout.decode(errors="replace") if done.returncode else None


def _failed(installation: Installation, output: str) -> ConfigurationError:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "npm error", "npm err!"))] or lines[-1:]
    message = " ".join(errors)[-_MOST_OF_A_MESSAGE:] or "it failed without a message"
    return ConfigurationError(
        f"The packages of {installation.setting} ({', '.join(installation.packages)}) cannot be installed: "
        f"{message.rstrip('.')}. {installation.advice}"
    )
