"""The previous release is replaced by this one under a stream of submissions.

1. The previous release runs alone.
2. The schema is upgraded. Then a consumer and a runner of the previous release are killed, and started again.
3. A consumer and a runner of this release run beside the old ones, which are then stopped, one after the other.
4. The same with the API, because a new one may accept what old consumers and runners do not know.
"""

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from precieux.host.ports import free_ports
from shared.common.version import VERSION
from tests.chaos.invariants import Verdict, judge, wait_until_settled
from tests.chaos.load import Load
from tests.chaos.service import ROOT
from tests.chaos.storm import Stream
from tests.chaos.system import Backends, System, is_ready, running_system

#: Where the revisions are, and where they were up to 1.0.
_REVISIONS: Final = ("shared/adapters/database/migrations/versions/", "shared/database/migrations/versions/")
_RATE: Final = 5.0
#: The length of each phase.
_SECONDS: Final = float(os.environ.get("PRECIEUX_TEST_PHASE_SECONDS", "1"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 6 * _SECONDS)]


def previous_release() -> str | None:
    """Return the commit of the previous release; None if the repository does not have it.

    It is the last tag but this version's. Before the first one, it is the last commit of the main line with an older
    schema.
    """
    if tag := _git("describe", "--tags", "--abbrev=0", "--match=v*", f"--exclude=v{VERSION}"):
        return tag
    today = _newest_revision("HEAD")
    for changed in _git("log", "--first-parent", "-m", "--format=%H", "--", *_REVISIONS).splitlines():
        before = _git("rev-parse", "--verify", "--quiet", f"{changed}^1")
        if before and "" < _newest_revision(before) < today:
            return before
    return None


@contextmanager
def unpacked(commit: str) -> Iterator[Path]:
    """Yield a folder with the files of a commit."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory(prefix="precieux-previous-") as name:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(name, filter="data")
        yield Path(name)


def upgrade(previous: Path) -> tuple[Verdict, list[str]]:
    """Upgrade a running system, and return what is wrong afterwards."""
    with running_system(Backends(), release=previous) as system, Load(system.url) as load:
        stream = Stream(load, _RATE, system.webhook_url)
        before = _revision(system)
        stream.flow(system, _SECONDS)
        system.release = ROOT
        system.migrate()
        assert before <= _revision(system)
        stream.flow(system, _SECONDS)
        # A consumer and a runner of the previous release start again on the new schema.
        system.release = previous
        for name in ("consumer-1", "runner-1"):
            system.services[name].kill()
        stream.flow(system, _SECONDS)
        # This release runs beside the previous one.
        system.release = ROOT
        old = dict(system.services)
        for name, module in (("consumer", "queue_consumer"), ("runner", "job_runner")):
            _start_beside(system, name, module)
        stream.flow(system, _SECONDS)
        names = ("runner-1", "runner-2", "consumer-1", "consumer-2")
        system.wait(lambda: all(old[name].catches_sigterm for name in names), timeout=60, what="those killed are back")
        codes = {name: old[name].stop() for name in names}
        stream.flow(system, _SECONDS)
        new_url = _start_beside(system, "api", "api_service")
        system.wait(lambda: is_ready(new_url), timeout=60, what="the new API is ready")
        load.urls = (system.url, new_url)
        stream.flow(system, _SECONDS)
        # A load balancer does the same before it stops a server.
        load.urls = (new_url,)
        codes["api"] = old["api"].stop()
        stream.flow(system, _SECONDS)
        overdue = []
        try:
            wait_until_settled(system, load, timeout=60, what="everything ends after the upgrade")
        except AssertionError as exc:
            overdue.append(str(exc))
        verdict = judge(system, load)
        violations = [*verdict.violations, *overdue]
        violations += [f"{name} of the previous release ended with code {code}" for name, code in codes.items() if code]
        deaths = {name: service.deaths for name, service in system.services.items() if service.deaths}
        if deaths != {"consumer-1": 1, "runner-1": 1}:
            violations.append(f"services died: {deaths}")
        system.keep_folder |= bool(violations)
        return verdict, violations


def _start_beside(system: System, name: str, module: str) -> str:
    """Start a process of this release, and return the address that it has if it is an API."""
    [port] = free_ports(1)
    service = system.service(f"new-{name}", module, changes={"PRECIEUX_PORT": str(port)})
    system.services[f"new-{name}"] = service
    service.start()
    return f"http://127.0.0.1:{port}"


def _revision(system: System) -> str:
    [row] = system.query("SELECT version_num FROM alembic_version")
    return str(row["version_num"])


def _newest_revision(commit: str) -> str:
    """Return the newest revision of a commit; nothing if two of its revisions have one number, and none can follow."""
    listed = _git("ls-tree", "--name-only", commit, *_REVISIONS).split()
    files = [file.rpartition("/")[2] for file in listed if file.endswith(".py")]
    numbers = {file.partition("_")[0] for file in files}
    return max(files, default="") if len(numbers) == len(files) else ""


def _git(*arguments: str) -> str:
    """Return what git prints; nothing if it fails, or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def test_a_rolling_upgrade_loses_nothing() -> None:
    commit = previous_release()
    if commit is None:
        pytest.skip("this repository does not have the previous release: it is no clone, or a shallow one")
    with unpacked(commit) as previous:
        verdict, violations = upgrade(previous)
    assert violations == []
    assert verdict.accepted > 0
