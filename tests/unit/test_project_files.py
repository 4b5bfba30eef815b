"""The files that a visitor of the repository and the services of its host read."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from precieux_client.version import VERSION as CLIENT_VERSION
from shared.version import VERSION

ROOT: Final = Path(__file__).parents[2]
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


def test_there_is_one_version() -> None:
    tags = {image["newTag"] for image in read_yaml("deploy/kubernetes/example/kustomization.yaml")["images"]}
    assert {CLIENT_VERSION, read_yaml("CITATION.cff")["version"], *tags} == {VERSION}
