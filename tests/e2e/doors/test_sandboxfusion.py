"""The SandboxFusion front door, by the rows of its contract, against a real engine."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest

from tests.e2e.doors.conftest import KEY
from tests.fixtures.up import Up
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow

_ERROR: Final[dict[str, Any]] = {"compile_result": None, "run_result": None, "executor_pod_name": None, "files": {}}
_CPP: Final = "#include <iostream>\nint main() { int a; std::cin >> a; std::cout << a * 2; }"


class Fusion:
    """A client of the door, with the key in its path."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def run(self, code: str, language: str = "python", **fields: Any) -> dict[str, Any]:
        """Return the answer of `run_code`."""
        answer = self.http.post("run_code", json={"code": code, "language": language, **fields})
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        assert content.keys() == {"status", "message", *_ERROR}
        return content

    def ended(self, code: str, language: str = "python", **fields: Any) -> tuple[Any, ...]:
        """Return how the program ended: the answer's status, and the status, code and output of its run."""
        answer = self.run(code, language, **fields)
        run = answer["run_result"]
        return answer["status"], run["status"], run["return_code"], run["stdout"]

    def cells(self, *cells: str, **fields: Any) -> dict[str, Any]:
        """Return the answer of `run_jupyter`."""
        answer = self.http.post("run_jupyter", json={"cells": cells, **fields})
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        assert content.keys() == {"status", "message", "driver", "cells", "executor_pod_name", "files"}
        return content


@pytest.fixture(scope="module")
def fusion(fusion_system: Up) -> Iterator[Fusion]:
    with httpx.Client(base_url=f"{fusion_system.url}/sandboxfusion/{KEY}/", timeout=60 * PATIENCE) as http:
        yield Fusion(http)


@pytest.mark.parametrize(
    ("code", "fields", "ended"),
    [
        ("print(input())", {"stdin": "a"}, ("Success", "Finished", 0, "a\n")),
        ("import sys; sys.stderr.write('e')", {}, ("Success", "Finished", 0, "")),
        ("print(open(__file__).read())", {}, ("Success", "Finished", 0, "print(open(__file__).read())\n")),
        ("", {}, ("Success", "Finished", 0, "")),
        ("exit(3)", {}, ("Failed", "Finished", 3, "")),
        ("import os; os.kill(os.getpid(), 11)", {}, ("Failed", "Finished", -11, "")),
        ("while True: pass", {"run_timeout": 0.2}, ("Failed", "TimeLimitExceeded", None, "")),
        (
            "import time; print(1, flush=True); time.sleep(0.3)",
            {"run_timeout": 0.1},
            ("Failed", "TimeLimitExceeded", None, "1\n"),
        ),
        ("print(open('a/b').read())", {"files": {"a/b": "Yg==", "n": None}}, ("Success", "Finished", 0, "b\n")),
    ],
)
def test_a_run_ends(fusion: Fusion, code: str, fields: dict[str, Any], ended: tuple[Any, ...]) -> None:
    assert fusion.ended(code, **fields) == ended


def test_a_compiler_has_its_stage(fusion: Fusion) -> None:
    for number in (4, 5):
        answer = fusion.run(_CPP, "cpp", stdin=str(number))
        assert (answer["status"], answer["compile_result"]["return_code"]) == ("Success", 0)
        assert answer["run_result"]["stdout"] == str(number * 2)
    failed = fusion.run("int main() {", "cpp")
    assert (failed["status"], failed["run_result"], failed["compile_result"]["stdout"]) == ("Failed", None, "")
    assert "error" in failed["compile_result"]["stderr"]


def test_what_no_repeat_can_mend_is_a_sandbox_error(fusion: Fusion) -> None:
    answer = fusion.run("x", "kotlin_script")
    assert (answer.pop("status"), answer.pop("message") != "") == ("SandboxError", True)
    assert answer == _ERROR


def test_cells_share_a_process(fusion: Fusion) -> None:
    answer = fusion.cells("x = 6; print('o')", "x * 7", "1 / 0", "open('f', 'w').write('F')", fetch_files=["f"])
    assert (answer["status"], answer["driver"]["return_code"], answer["files"]) == ("Success", 0, {"f": "Rg=="})
    first, second, third, _ = answer["cells"]
    assert first == {"stdout": "o\n", "stderr": "", "display": [], "error": []}
    assert second["display"] == [{"text/plain": "42"}]
    assert third["error"][0]["ename"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("cell", "fields", "driver"),
    [
        ("import time; time.sleep(60)", {"total_timeout": 0.5}, ("TimeLimitExceeded", None)),
        ("import os; os._exit(0)", {}, ("Finished", 0)),
    ],
)
def test_a_notebook_may_end_early(fusion: Fusion, cell: str, fields: dict[str, Any], driver: tuple[Any, ...]) -> None:
    answer = fusion.cells("1", cell, **fields)
    assert (answer["status"], answer["cells"], answer["files"]) == ("Failed", [], {})
    assert (answer["driver"]["status"], answer["driver"]["return_code"]) == driver


def test_errors_have_the_form_of_fastapi(fusion_system: Up, fusion: Fusion) -> None:
    for answer, status in (
        (fusion.http.post("run_code", content=b"{"), 422),
        (fusion.http.post("run_jupyter", json={"kernel": "r"}), 422),
        (fusion.http.get("run_code"), 405),
        (fusion.http.post("submit", json={}), 404),
        (httpx.post(f"{fusion_system.url}/submit", json={}), 404),
        (httpx.post(f"{fusion_system.url}/run_code", json={"code": "", "language": "python"}), 401),
        (httpx.post(f"{fusion_system.url}/sandboxfusion/{KEY[:-1]}/run_code", content=b"{"), 401),
        (httpx.post(f"{fusion_system.url}/sandboxfusion/-/run_code", content=b"{"), 401),
    ):
        assert (answer.status_code, answer.json().keys()) == (status, {"detail"})
    bearer = {"Authorization": f"Bearer {KEY}", "Content-Type": "text/plain"}
    body = {"code": "print(1)", "language": "python"}
    assert httpx.post(f"{fusion_system.url}/run_code", json=body, headers=bearer).json()["status"] == "Success"
    assert httpx.get(f"{fusion_system.url}/v1/ping").json() == fusion.http.get("v1/ping").json() == "pong"


def test_the_key_of_a_path_is_in_no_log_and_no_metric(fusion_system: Up, fusion: Fusion) -> None:
    fusion.run("print(1)")
    fusion.http.post("none")
    fusion.http.post("run_code", content=b"{")
    assert KEY not in fusion_system.log
    assert "/sandboxfusion/-/run_code" in fusion_system.log


def test_more_connections_than_one_address_may_have_wait(fusion: Fusion) -> None:
    """A trainer takes a refusal, and an answer that is not about the program, for a wrong program."""
    url = f"{fusion.http.base_url}run_code"

    def double(number: int) -> tuple[int, str]:
        body = {"code": "print(int(input()) * 2)", "language": "python", "stdin": str(number), "compile_timeout": 60}
        answer = httpx.post(url, json=body, timeout=120 * PATIENCE)
        return answer.status_code, answer.json()["run_result"]["stdout"]

    with ThreadPoolExecutor(200) as threads:
        answers = list(threads.map(double, range(400)))
    assert answers == [(200, f"{number * 2}\n") for number in range(400)]
