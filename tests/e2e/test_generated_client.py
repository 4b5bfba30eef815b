"""A client that openapi-python-client makes of a running system runs a submission of API v1."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fixtures.up import Up

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAME: Final = "client_of_a_running_system"


@pytest.fixture
def package(running: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of the generated package."""
    settings = tmp_path / "settings.yaml"
    settings.write_text("post_hooks: []\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--url", f"{running.url}/openapi.json"]
    options = ["--config", settings, "--meta", "none", "--output-path", tmp_path / NAME]
    subprocess.run([*command, *map(str, options)], check=True, cwd=tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield NAME
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_a_generated_client_runs_a_submission(package: str, running: Up) -> None:
    models: Any = importlib.import_module(f"{package}.models")
    create: Any = importlib.import_module(f"{package}.api.submissions.create_submission")
    client: Any = importlib.import_module(package).Client(running.url, raise_on_unexpected_status=True)
    tests = [models.TestBody(stdin="1", expected_output="2"), models.TestBody(stdin="2", expected_output="5")]
    body = models.SubmissionBody(language="py", source="print(2 * int(input()))", tests=tests)
    with client:
        submission = create.sync(client=client, body=body, wait=30)
    assert (submission.state, submission.verdict) == ("finished", "wrong_answer")
    assert [test.verdict for test in submission.run.tests] == ["accepted", "wrong_answer"]
    assert submission.run.points_awarded == 1
