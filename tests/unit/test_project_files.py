"""The files that a visitor of the repository and the services of its host read."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from precieux_client.version import VERSION as CLIENT_VERSION
from shared.version import VERSION

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_there_is_one_version() -> None:
    assert {VERSION, CLIENT_VERSION, read_yaml("CITATION.cff")["version"]} == {VERSION}


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


@pytest.mark.parametrize("form", ["bug", "wish"])
def test_a_form_asks_for_what_is_needed(form: str) -> None:
    fields = read_yaml(f".github/ISSUE_TEMPLATE/{form}.yml")
    assert {"name", "description", "body"} <= fields.keys()
    assert any(field.get("validations", {}).get("required") for field in fields["body"])


def test_renovate_updates_all_locks_together() -> None:
    settings = json.loads((ROOT / ".github/renovate.json").read_text())
    (pattern,) = settings["pip_requirements"]["managerFilePatterns"]
    locks = [path.relative_to(ROOT).as_posix() for path in (ROOT / "deploy/requirements").iterdir()]
    assert [lock for lock in locks if not re.search(pattern.strip("/"), lock)] == []
    assert any(rule.get("matchManagers") == ["pip_requirements"] for rule in settings["packageRules"])


def test_renovate_pins_the_images_by_digest() -> None:
    """No registry could be reached when the recipe was written, so its bases are named by tag until renovate runs."""
    assert "docker:pinDigests" in json.loads((ROOT / ".github/renovate.json").read_text())["extends"]
