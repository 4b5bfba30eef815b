"""The files that a visitor of the repository and the services of its host read."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from precieux_client.version import VERSION as CLIENT_VERSION
from shared.version import VERSION

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: The files that a service or Docker reads, by the schema that `check-jsonschema` brings for them.
SCHEMAS: Final = {
    "citation-file-format": ["CITATION.cff"],
    "compose-spec": ["docker-compose.yml"],
    "github-issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
    "github-issue-forms": [".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/wish.yml"],
    "github-workflows": [".github/workflows/ci.yml"],
    "renovate": [".github/renovate.json"],
}


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def complaints(schema: str, *files: Path) -> str:
    """Return what is wrong with these files, or an empty text if they are valid."""
    command = [sys.executable, "-m", "check_jsonschema", f"--builtin-schema=vendor.{schema}", "--default-filetype=yaml"]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_files_of_a_schema_are_valid(schema: str) -> None:
    assert complaints(schema, *(ROOT / file for file in SCHEMAS[schema])) == ""


def test_each_file_for_the_host_has_a_schema() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / ".github").rglob("*") if path.is_file()}
    assert files <= {file for group in SCHEMAS.values() for file in group}


def test_there_is_one_version() -> None:
    tags = {image["newTag"] for image in read_yaml("deploy/kubernetes/example/kustomization.yaml")["images"]}
    assert {CLIENT_VERSION, read_yaml("CITATION.cff")["version"], *tags} == {VERSION}


def test_the_badges_are_true() -> None:
    badges = dict(re.findall(r"/badge/(\w+)-(.+)-blue\)", (ROOT / "README.md").read_text()))
    assert badges == {
        "python": PROJECT["requires-python"].removeprefix(">=") + "+",
        "linux": "x86__64%20%7C%20aarch64",
        "license": PROJECT["license"],
    }


def test_the_workflow_runs_the_gate_on_every_python() -> None:
    jobs = read_yaml(".github/workflows/ci.yml")["jobs"]
    pythons = jobs["gate"]["strategy"]["matrix"]["python"]
    assert pythons == [f"3.{minor}" for minor in range(11, 16)]
    assert set(re.findall(r":: (3\.\d+)", " ".join(PROJECT["classifiers"]))) == set(pythons)
    assert any(step.get("run", "").endswith(" .ci/run") for step in jobs["gate"]["steps"])
    assert any(step.get("run") == "make docs" for step in jobs["docs"]["steps"])
