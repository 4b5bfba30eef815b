"""Rules of this repository that no linter checks."""

import re
import subprocess
import sys
from collections import Counter
from importlib import metadata

import pytest
import yaml

from api_service.settings import DOORS
from precieux_client.version import VERSION as CLIENT_VERSION
from shared.common.version import VERSION
from tests.sources import ROOT, SOURCES


def users_of(library: str) -> set[str]:
    """Return the modules that import a library, anywhere in them."""
    line = re.compile(rf"^ *(?:import|from) {library}\b", re.MULTILINE)
    return {str(path.relative_to(ROOT)) for path in SOURCES if line.search(path.read_text())}


@pytest.mark.parametrize(
    ("library", "folder"),
    [
        ("boto3", "shared/adapters/storage/"),
        ("pika", "shared/adapters/broker/"),
        ("aiosmtplib", "job_runner/emails/mailers/"),
    ],
)
def test_a_library_stays_in_its_adapter(library: str, folder: str) -> None:
    assert {user for user in users_of(library) if not user.startswith(folder)} == set()


def test_only_one_module_uses_databases() -> None:
    """Its own `transaction()` leaks connections when a task is cancelled; `Database.transaction` does not."""
    assert users_of("databases") == {"shared/adapters/database/connection.py"}


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("api_service.__main__", {"alembic", "rich"} | {f"api_service.doors.{name}" for name in DOORS}),
        ("precieux.commands.up", {"alembic", "databases", "precieux_client", "sqlalchemy"}),
        # An agent waits for its first answer.
        ("api_service.agent_tools.stdio", {"aiohttp", "api_service.services", "databases", "sqlalchemy"}),
        ("job_runner.__main__", {"alembic", "starlette", "uvicorn"}),
        ("queue_consumer.__main__", {"alembic", "rich", "starlette", "uvicorn"}),
    ],
)
def test_a_service_loads_only_what_it_uses(module: str, unused: set[str]) -> None:
    """Each of these takes megabytes of a process, and a part of its start (ADR 38)."""
    assert unused.isdisjoint(_loaded_with(module))


def test_the_commands_of_senders_load_no_database() -> None:
    """Loading the libraries of the database took 0.2 s of each command."""
    assert {"databases", "sqlalchemy"}.isdisjoint(_loaded_with("precieux.commands.submissions"))


def _loaded_with(module: str) -> list[str]:
    command = [sys.executable, "-P", "-c", f"import sys, {module}; print(*sys.modules)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_no_module_reads_the_metadata_of_the_package() -> None:
    """The images hold the code, but it is not installed there."""
    lookup = re.compile(r"""metadata\.\w+\(["']precieux["']""")
    assert [path for path in SOURCES if lookup.search(path.read_text())] == []


def test_there_is_one_version() -> None:
    citation, overlay = (
        yaml.safe_load((ROOT / path).read_text())
        for path in ("CITATION.cff", "deploy/kubernetes/example/kustomization.yaml")
    )
    tags = {image["newTag"] for image in overlay["images"]}
    assert {metadata.version("precieux"), CLIENT_VERSION, citation["version"], *tags} == {VERSION}


def test_no_test_module_imports_another() -> None:
    """What several need is a fixture or a helper, so a test can go without others."""
    imported = re.compile(r"^ *(?:from|import) tests\b.*\btest_", re.MULTILINE)
    assert [str(path) for path in (ROOT / "tests").rglob("*.py") if imported.search(path.read_text())] == []


def test_no_module_has_a_name_that_fits_anything() -> None:
    names = {"utils", "util", "helpers", "manager", "misc"}
    assert [path for path in SOURCES if names & {*path.relative_to(ROOT).with_suffix("").parts}] == []


def test_few_modules_are_long() -> None:
    modules = [*SOURCES, *(ROOT / "client/precieux_client").rglob("*.py")]
    long = {str(path.relative_to(ROOT)) for path in modules if len(path.read_text().splitlines()) > 400}
    assert long == {"client/precieux_client/models.py"}


def test_few_names_of_classes_stand_twice() -> None:
    """The names of answers of an API stand in its document, so they stay; the client has them all once more."""
    names = Counter(
        name for path in SOURCES for name in re.findall(r"^class (\w+)", path.read_text(), flags=re.MULTILINE)
    )
    twice = {name for name, count in names.items() if count > 1}
    assert twice <= {"LanguageLibrary", "ProgramFile", "Waiter", "_Body"}
