"""The lock files name every package that `deploy/bootstrap` fetches, with version and hash."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FILES: Final = sorted((ROOT / "deploy/requirements").glob("*.txt"))


def pinned(file: Path) -> set[str]:
    entries = re.split(r"\n(?=\S)", file.read_text().strip())
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+( ; .+?)? \\\n +--hash=sha256:[0-9a-f]{64}", entry), (
            entry
        )
    return {re.split(r"[=\[]", entry, maxsplit=1)[0] for entry in entries}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_package_has_a_version_and_a_hash(file: Path) -> None:
    assert pinned(file)


def test_the_requirements_of_the_build_are_locked() -> None:
    build_system = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    required = {re.split(r"[^a-z0-9-]", one, maxsplit=1)[0] for one in build_system["requires"]}
    # hatchling requires the second for an editable installation, our hook the third if there is no compiler.
    assert required | {"editables"} <= pinned(ROOT / "deploy/requirements/build.txt")
    assert "ziglang" in pinned(ROOT / "deploy/requirements/compiler.txt")
    assert '["ziglang"]' in (ROOT / "deploy/compile_init.py").read_text()


def test_the_executor_installs_the_versions_of_the_services() -> None:
    executor, service = (
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "deploy/requirements" / name).read_text(), re.MULTILINE))
        for name in ("executor.txt", "service.txt")
    )
    assert executor.items() <= service.items()
    assert not executor.keys() & {
        "aiosmtplib",
        "alembic",
        "asyncpg",
        "boto3",
        "databases",
        "httpx",
        "pika",
        "sqlalchemy",
    }


def test_the_executor_installs_few_packages() -> None:
    """Little is installed beside hostile code; one more package is a decision."""
    entries = re.split(r"\n(?=\S)", (ROOT / "deploy/requirements/executor.txt").read_text().strip())
    assert len([entry for entry in entries if "sys_platform == 'win32'" not in entry]) <= 25


@pytest.mark.parametrize(
    ("image", "lock"), [("service", "service"), ("executor", "executor"), ("executor-full", "executor")]
)
def test_each_image_installs_its_own_lock(image: str, lock: str) -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    stages = {stage.split("\n")[0]: stage for stage in re.split(r"^FROM \S+ AS ", dockerfile, flags=re.MULTILINE)}
    assert f"COPY deploy/requirements/{lock}.txt" in stages[f"{lock}-packages"]
    assert re.findall(r"--from=(\S+) /opt/venv", stages[image]) == [f"{lock}-packages"]
    assert f"!deploy/requirements/{lock}.txt" in (ROOT / ".dockerignore").read_text().splitlines()


def test_every_installation_requires_hashes() -> None:
    calls = re.findall(r"pip_install (--.+)", (ROOT / "deploy/bootstrap").read_text())
    assert len(calls) == 4
    for call in calls:
        assert "--require-hashes" in call or {"--no-build-isolation", "--no-deps"} <= set(call.split()), call
