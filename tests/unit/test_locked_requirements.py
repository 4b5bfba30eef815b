"""The lock files name every package that `deploy/bootstrap` fetches, with version and hash."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FILES: Final = sorted((ROOT / "deploy/requirements").glob("*.txt"))


def pinned(file: Path) -> set[str]:
    """Return the packages of a lock, each of which has a version and a hash."""
    entries = [entry for entry in re.split(r"\n(?=\S)", file.read_text().strip()) if not entry.startswith("-r ")]
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+( ; .+?)? \\\n +--hash=sha256:[0-9a-f]{64}", entry), (
            entry
        )
    return {re.split(r"[=\[]", entry, maxsplit=1)[0] for entry in entries}


def test_the_executor_installs_no_client_of_a_service() -> None:
    executor, service = (pinned(ROOT / f"deploy/requirements/{name}.txt") for name in ("executor", "service"))
    clients = {"aiosmtplib", "alembic", "asyncpg", "boto3", "databases", "httpx", "pika", "sqlalchemy"}
    assert clients <= service
    assert not clients & executor


@pytest.mark.parametrize(
    ("group", "locks"),
    [("executor", ["executor"]), (None, ["executor", "service"]), ("dev", ["executor", "service", "dev"]),
     ("build", ["build"])],
)  # fmt: skip
def test_everything_that_is_declared_is_locked(group: str | None, locks: list[str]) -> None:
    """`make lock` was run after the last change of `pyproject.toml`. These are all locks."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = settings["dependency-groups"][group] if group else settings["project"]["dependencies"]
    names = {re.split(r"[^a-z0-9-]", one, maxsplit=1)[0] for one in declared}
    assert names <= set().union(*(pinned(ROOT / f"deploy/requirements/{lock}.txt") for lock in locks))


def test_a_package_has_one_version_in_all_locks() -> None:
    versions: dict[tuple[str, str], set[str]] = {}
    for file in FILES:
        for name, version, marker in re.findall(r"^([\w-]+)\S*==(\S+)( ; .*)? \\$", file.read_text(), re.MULTILINE):
            on_old_python = "python_full_version <" in marker
            versions.setdefault((name, str(on_old_python)), set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_the_executor_installs_few_packages() -> None:
    """Little is installed beside hostile code; one more package is a decision."""
    entries = re.split(r"\n(?=\S)", (ROOT / "deploy/requirements/executor.txt").read_text().strip())
    assert len([entry for entry in entries if "sys_platform == 'win32'" not in entry]) <= 26


@pytest.mark.parametrize(
    ("image", "lock"), [("service", "service"), ("executor", "executor"), ("executor-full", "executor")]
)
def test_each_image_installs_its_own_lock(image: str, lock: str) -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    stages = {stage.split("\n")[0]: stage for stage in re.split(r"^FROM \S+ AS ", dockerfile, flags=re.MULTILINE)}
    assert f"pip install --requirement /tmp/{lock}.txt" in stages[f"{lock}-packages"]
    assert re.findall(r"--from=(\S+) /opt/venv", stages[image]) == [f"{lock}-packages"]
    assert f"!deploy/requirements/{lock}.txt" in (ROOT / ".dockerignore").read_text().splitlines()


def test_every_installation_requires_hashes() -> None:
    calls = re.findall(r"pip_install (--.+)", (ROOT / "deploy/bootstrap").read_text())
    assert len(calls) == 3
    for call in calls:
        assert "--require-hashes" in call or {"--no-build-isolation", "--no-deps"} <= set(call.split()), call
