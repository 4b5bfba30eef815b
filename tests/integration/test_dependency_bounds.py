"""The versions that `pyproject.toml` and the locks allow are resolved, installed and imported by the oldest Python."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.uv import PYTHONS, ROOT, oldest_python, uv

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PACKAGES: Final = ("api_service", "executor", "job_runner", "precieux", "precieux_client", "queue_consumer", "shared")

#: Imports every module of these packages, but for those that start something when they are imported: the zygote of
#: a box, and Alembic's migration. A compiled C part is a shared library, but no module, as its name says.
_IMPORT_ALL: Final = """
import importlib, pkgutil, sys

for package in map(importlib.import_module, sys.argv[1:]):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        starts_something = module.name in ("executor.sandbox.zygote.start", "shared.adapters.database.migrations.env")
        if not starts_something and "-" not in module.name:
            importlib.import_module(module.name)
"""


def import_everything(folder: Path, requirements: Path, packages: Sequence[str]) -> None:
    """Import every module of `packages` where only `requirements` are installed."""
    python = folder / "venv/bin/python"
    uv("venv", "--python", oldest_python(), folder / "venv")
    uv("pip", "install", "--python", python, "--no-deps", "--only-binary", ":all:", "-r", requirements)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client")}
    command = [str(python), "-c", _IMPORT_ALL, *packages]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("group", "packages"),
    [((), PACKAGES), (("--group", "dev"), ("tests", "benchmarks"))],
    ids=["services", "tests"],
)
def test_the_lowest_versions_have_all_that_is_imported(
    tmp_path: Path, group: Sequence[str], packages: Sequence[str]
) -> None:
    lowest = tmp_path / "lowest.txt"
    uv("pip", "compile", "pyproject.toml", "--extra", "mcp", *group, "--resolution", "lowest-direct",
       "--only-binary", ":all:", "--python", oldest_python(), "-o", lowest)  # fmt: skip
    import_everything(tmp_path, lowest, packages)


def test_the_executors_lock_has_all_that_it_imports(tmp_path: Path) -> None:
    import_everything(tmp_path, ROOT / "deploy/requirements/executor.txt", ["executor"])


@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("lock", ["dev", "build"])
def test_every_locked_version_has_a_wheel_for_every_python(lock: str, version: str) -> None:
    file = f"deploy/requirements/{lock}.txt"
    uv("pip", "compile", file, "--no-deps", "--only-binary", ":all:", "--python-version", version)
