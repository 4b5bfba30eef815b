"""A client that openapi-python-client generates makes each call and gets each kind of error."""

import importlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.adapters.storage.secret import kept_secret
from shared.adapters.storage.signing import LinkSigner
from tests.integration.api_service.process import ApiProcess, api_process

# Generating the client takes about five seconds.
pytestmark = pytest.mark.slow

KEY: Final = "k" * 32
NAME: Final = "client_of_the_test"
EMAIL: Final = "someone@example.com"


@pytest.fixture
def api(tmp_path: Path, database_url: str) -> Iterator[ApiProcess]:
    with api_process(tmp_path, database_url, {"PRECIEUX_API_KEYS": KEY}) as api:
        yield api


@pytest.fixture
def package(api: ApiProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of the generated package."""
    settings = tmp_path / "settings.yaml"
    settings.write_text("post_hooks: []\n")
    generated = subprocess.run(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--url", f"{api.url}/openapi.json",
            "--config", str(settings), "--meta", "none", "--output-path", str(tmp_path / NAME),
        ],
        check=True, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    # It leaves out a source as the raw body. It has the other two bodies.
    warnings = {line for line in generated.stdout.splitlines() if line.startswith(("WARNING", "Unsupported"))}
    known = {"WARNING parsing POST /v1/submissions within submissions.", "Unsupported content type text/plain"}
    assert warnings <= known, generated.stdout
    monkeypatch.syspath_prepend(str(tmp_path))
    yield NAME
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def call(package: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package}.api.{name}")


def test_a_generated_client_passes_mypy(package: str, tmp_path: Path) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "/dev/null", "--cache-dir", str(tmp_path), package],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_each_call_of_a_generated_client(package: str, api: ApiProcess, tmp_path: Path) -> None:
    root: Any = importlib.import_module(package)
    models: Any = importlib.import_module(f"{package}.models")
    types: Any = importlib.import_module(f"{package}.types")
    client, stranger = (root.AuthenticatedClient(token=token, base_url=api.url) for token in (KEY, "wrong"))
    anybody = root.Client(base_url=api.url)

    def form(number: int, source: Any) -> Any:
        return models.SubmissionForm(email=EMAIL, language="py", inputs="12", id=number, file=source)

    def program() -> Any:
        return types.File(payload=io.BytesIO(b"print(input())\n"), file_name="a.py", mime_type="text/plain")

    def problem(answer: Any, status: int) -> str:
        assert (answer.status_code, answer.parsed.status) == (status, status)
        assert isinstance(answer.parsed, models.ProblemDocument)
        detail: str = answer.parsed.detail
        return detail

    # Both ways to submit, and the source as text.
    submit_form = call(package, "classic.submit_form")
    assert submit_form.sync(client=client, body=form(5, program())) == "Your submission was registered with ID: 5"
    assert submit_form.sync(client=client, body=form(6, "print(1)")) == "Your submission was registered with ID: 6"
    query = {"email": EMAIL, "language": "Python3", "id": 7, "enable": models.SubmitQueryEnable.VALUE_1}
    answer = call(package, "classic.submit_query").sync(client=client, body=models.SourceForm(file=program()), **query)
    assert answer == "Your submission was registered with ID: 7"
    assert "id 5 is taken" in problem(submit_form.sync_detailed(client=client, body=form(5, program())), 409)
    assert "API key" in problem(submit_form.sync_detailed(client=stranger, body=form(8, program())), 401)

    request_execution = call(package, "classic.request_execution")
    assert request_execution.sync(client=client, id=5).result == "Sending to job_table.."
    # This one has the original's form, which is no problem document.
    assert request_execution.sync(client=client, id=7).detail == "You cannot request this code"
    [row] = call(package, "classic.list_submissions").sync(client=client, email=EMAIL, id=5).result
    assert (row.status, row.verdict) == (models.JobState.NONE_EXECUTED, None)

    link = urlsplit(LinkSigner(kept_secret(tmp_path / "data"), api.url).link("5.py", expires=1 << 40))
    of_link = {name: value for name, [value] in parse_qs(link.query).items()}
    read_file = call(package, "files.read_file")
    assert read_file.sync(client=anybody, key="5.py", **of_link) == "print(input())\n"
    problem(read_file.sync_detailed(client=anybody, key="6.py", **of_link), 403)

    tests = [models.TestBody(stdin="1", expected_output="2")]
    body = models.SubmissionBody(language="py", source="print(2 * int(input()))", tests=tests)
    submission = call(package, "submissions.create_submission").sync(client=client, body=body, wait=0)
    assert (submission.state, [test.name for test in submission.run.tests]) == ("queued", ["1"])
    assert call(package, "health.get_readiness").sync(client=anybody).status == "ready"
    for each in (client, stranger, anybody):
        each.get_httpx_client().close()
