"""Checks of packages: data, the jury's submissions, the derived time limit, the report."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from job_runner.problems.check_data import NOT_VALIDATED
from precieux_client import Client, NotFound
from tests.e2e.v1.conftest import Push
from tests.fixtures.contract import Api, Contract, mails, problem
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

_SAMPLES: Final = Path(__file__).parents[3] / "samples/problems"
TESTS: Final = {
    "data/sample/1.in": "1\n",
    "data/sample/1.ans": "2\n",
    "data/secret/1.in": "3\n",
    "data/secret/1.ans": "6\n",
    "data/secret/2.in": "4\n",
    "data/secret/2.ans": "8\n",
}
RIGHT: Final = "print(2 * int(input()))\n"
YAML: Final = "problem_format_version: 2025-09\nname: Twice\nuuid: 5e7a\n"
#: Accepts a number below 10, and ends with another code for others.
VALIDATOR: Final = "raise SystemExit(42 if int(input()) < 10 else 43)\n"


def check(setter: Api, name: str, **body: Any) -> dict[str, Any]:
    """Check a problem, and return the check when it has finished."""
    answer = setter.post(f"/v1/problems/{name}/check", json=body)
    assert answer.status_code == 202, answer.text

    def finished() -> dict[str, Any] | None:
        found: dict[str, Any] = setter.read(f"/v1/problems/{name}/check", wait=30)
        return found if found["state"] == "finished" else None

    done = eventually_sync(finished, timeout=120)
    assert done
    return done


def results_of(found: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {
        entry["path"].removeprefix("submissions/"): (entry["result"], entry["verdict"])
        for entry in found["submissions"]
    }


@pytest.mark.parametrize("package", sorted(_SAMPLES.iterdir()), ids=lambda package: package.name)
def test_the_samples_of_this_service_pass(push: Push, setter: Api, package: Path) -> None:
    files = {str(path.relative_to(package)): path.read_text() for path in package.rglob("*") if path.is_file()}
    found = check(setter, push(files))
    assert (found["verdict"], found["data"]) == ("passed", []), found
    assert {entry["result"] for entry in found["submissions"]} == {"as_expected"}
    assert len(found["submissions"]) > 2


def test_a_legacy_package(push: Push, setter: Api, system: Contract, email: str) -> None:
    name = push(
        {
            "problem.yaml": "name: Twice\n",
            **TESTS,
            "input_validators/small.py": VALIDATOR,
            "submissions/accepted/right.py": RIGHT,
            "submissions/accepted/wrong.py": "print(2)\n",
            "submissions/wrong_answer/wrong.py": "print(2)\n",
            "submissions/run_time_error/crash.py": "raise SystemExit(1)\n",
            "submissions/time_limit_exceeded/loop.py": "while True: pass\n",
            "submissions/mixed/any.py": "# @EXPECTED_RESULTS@: WRONG-ANSWER, CORRECT\nprint(2)\n",
            "submissions/mixed/none.py": RIGHT,
        }
    )
    found = check(setter, name, email=email)
    assert (found["problem"], found["state"], found["verdict"], found["data"]) == (
        f"{name}@1",
        "finished",
        "failed",
        [],
    )
    assert results_of(found) == {
        "accepted/right.py": ("as_expected", "accepted"),
        "accepted/wrong.py": ("unexpected", "wrong_answer"),
        "mixed/any.py": ("as_expected", "wrong_answer"),
        "mixed/none.py": ("not_run", None),
        "run_time_error/crash.py": ("as_expected", "runtime_error"),
        "time_limit_exceeded/loop.py": ("as_expected", "time_limit"),
        "wrong_answer/wrong.py": ("as_expected", "wrong_answer"),
    }
    limit = found["time_limit"]
    assert (limit["cpu_s"], limit["from"]) == (1, "check")
    assert 0 < limit["slowest_accepted_s"] < 0.2
    assert limit["fastest_too_slow_s"] >= 2
    wrong = next(entry for entry in found["submissions"] if entry["path"].endswith("accepted/wrong.py"))
    assert (wrong["expected"], wrong["detail"]) == (["AC"], "It got WA, not AC.")
    # The limit belongs to the version, and holds for submissions from now on.
    stored = setter.read(f"/v1/problems/{name}")
    assert (stored["version"], stored["time_limit_from"]) == (1, "check")
    assert (stored["limits"]["cpu_s"], stored["limits"]["wall_s"]) == (1, 4)
    assert stored["links"]["check"].endswith(f"/v1/problems/{name}/check")
    assert setter.submit(problem=name, source="while True: pass")["run"]["verdict"] == "time_limit"
    # The jury's submissions are those of the key, in one batch.
    batch = setter.read(f"/v1/batches/{found['batch']}")
    assert (batch["state"], batch["total"]) == ("finished", 6)
    submission = setter.read(f"/v1/submissions/{wrong['submission']}")
    assert submission["metadata"] == {"check": str(found["id"]), "path": wrong["path"]}
    [mail] = eventually_sync(lambda: mails(system, email)) or []
    assert mail["Subject"] == f"The check of {name}@1 failed"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert text.index("accepted/wrong.py") < text.index("accepted/right.py")
    [attached] = mail.iter_attachments()
    assert "submissions/mixed/none.py" in attached.get_content()
    assert setter.read(f"/v1/problems/{name}/check")["mail"]["state"] == "sent"


def test_faults_of_the_data(push: Push, setter: Api) -> None:
    name = push(
        {
            "problem.yaml": YAML,
            **TESTS,
            "data/secret/3.in": "12\n",
            "data/secret/3.ans": "24\n",
            "data/invalid_input/1.in": "11\n",
            "data/invalid_input/2.in": "1\n",
            "data/valid_output/1.in": "1\n",
            "data/valid_output/1.ans": "2\n",
            "data/valid_output/1.out": "3\n",
            "data/invalid_output/1.in": "1\n",
            "data/invalid_output/1.ans": "2\n",
            "data/invalid_output/1.out": "2\n",
            "input_validators/small.py": VALIDATOR,
            "submissions/accepted/right.py": RIGHT,
        }
    )
    found = check(setter, name)
    assert found["verdict"] == "failed"
    assert {fault["path"] for fault in found["data"]} == {
        "data/secret/3.in", "data/invalid_input/2.in", "data/valid_output/1.out", "data/invalid_output/1.out",
    }  # fmt: skip


def test_judges_that_do_not_compile(push: Push, setter: Api) -> None:
    name = push(
        {
            "problem.yaml": f"{YAML}limits: {{time_limit: 2}}\n",
            **TESTS,
            "output_validator/check.c": "int main( {",
            "input_validators/small.c": "int main( {",
            "submissions/accepted/right.py": RIGHT,
        }
    )
    found = check(setter, name)
    assert {fault["path"] for fault in found["data"]} == {"output_validator", "input_validators/small.c"}
    [entry] = found["submissions"]
    assert (entry["result"], entry["verdict"]) == ("unexpected", "judge_error")
    assert "The judge failed." in entry["detail"]


def test_a_package_of_polygon(push: Push, setter: Api) -> None:
    source = '<source path="{}" type="python.3"/>'
    solutions = "".join(
        f'<solution tag="{tag}">{source.format(f"solutions/{tag}.py")}</solution>'
        for tag in ("main", "wrong-answer", "time-limit-exceeded-or-accepted", "do-not-run")
    )
    name = push(
        {
            "problem.xml": f"""<problem short-name="twice"><names><name language="english" value="Twice"/></names>
            <judging input-file="" output-file=""><testset name="tests"><time-limit>1000</time-limit>
            <memory-limit>268435456</memory-limit><test-count>2</test-count>
            <input-path-pattern>tests/%02d</input-path-pattern><answer-path-pattern>tests/%02d.a</answer-path-pattern>
            <tests><test method="manual" sample="true"/><test method="manual"/></tests></testset></judging>
            <assets><checker type="testlib">{source.format("files/check.py")}</checker>
            <validators><validator>{source.format("files/valid.py")}</validator></validators>
            <solutions>{solutions}</solutions></assets></problem>""",
            "tests/01": "1\n",
            "tests/01.a": "2\n",
            "tests/02": "12\n",
            "tests/02.a": "24\n",
            "files/check.py": "import sys\nraise SystemExit(open(sys.argv[2]).read() != open(sys.argv[3]).read())\n",
            "files/valid.py": "raise SystemExit(0 if int(input()) < 10 else 3)\n",
            "solutions/main.py": RIGHT,
            "solutions/wrong-answer.py": RIGHT,
            "solutions/time-limit-exceeded-or-accepted.py": RIGHT,
            "solutions/do-not-run.py": RIGHT,
        }
    )
    found = check(setter, name)
    assert [fault["path"] for fault in found["data"]] == ["tests/02"]
    assert {entry["path"].rpartition("/")[2]: entry["result"] for entry in found["submissions"]} == {
        "main.py": "as_expected",
        "wrong-answer.py": "unexpected",
        "time-limit-exceeded-or-accepted.py": "as_expected",
        "do-not-run.py": "not_run",
    }


def test_the_command_line_and_the_client(push: Push, setter: Api, system: Contract) -> None:
    more = {"submissions/accepted/right.py": RIGHT, "input_validators/twice.ctd": "EOF"}
    good = push({"problem.yaml": "name: Twice\n", **TESTS, **more})
    bad = push({"problem.yaml": "name: Twice\n", **TESTS, "submissions/wrong_answer/right.py": RIGHT})
    command = [sys.executable, "-P", "-m", "precieux", "problem", "check"]
    environment = {**os.environ, "PRECIEUX_URL": system.url, "PRECIEUX_API_KEY": setter.headers["Authorization"][7:]}
    for name, code, said in ((f"{good}@1", 0, f"{good}@1: passed"), (bad, 1, "It got AC, not WA.")):
        done = subprocess.run([*command, name], env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (code, "")
        assert said in done.stdout
    with Client(system.url, environment["PRECIEUX_API_KEY"]) as client:
        begun = client.check_problem(good, version=1, wait=30)
        assert client.checks(good) == begun
        assert (begun.verdict, begun.submissions[0].result) == ("passed", "as_expected")
        assert [fault.detail for fault in begun.data] == [NOT_VALIDATED["detail"]]
        with pytest.raises(NotFound):
            client.checks(good, version=2)


def test_one_check_at_a_time(push: Push, setter: Api, system: Contract) -> None:
    name = push(
        {"problem.yaml": "name: Twice\n", **TESTS, "submissions/accepted/r.py": f"import time\ntime.sleep(2)\n{RIGHT}"}
    )
    path = f"/v1/problems/{name}/check"
    problem(setter.get(path), 404)
    problem(setter.post(path, json={"version": 2}), 404)
    problem(system.owner.post(path), 403)
    headers = {"Idempotency-Key": name}
    first = setter.post(path, headers=headers)
    assert (first.status_code, first.json()["state"]) == (202, "running")
    # The latest check of the latest version may be another one.
    assert first.headers["Location"].endswith(f"{path}?version=1")
    assert setter.post(path, headers=headers).json()["id"] == first.json()["id"]
    assert problem(setter.post(path), 409)["type"].endswith("under-way")
    problem(setter.delete(f"/v1/problems/{name}"), 409)
    done = eventually_sync(lambda: (found := setter.read(path, wait=30))["state"] == "finished" and found, timeout=60)
    assert done
    assert done["verdict"] == "passed"
    assert setter.post(path, params={"wait": 30}).json()["id"] > done["id"]
