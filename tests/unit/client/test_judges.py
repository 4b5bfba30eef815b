"""Judges in the client: how they are sent, and how they come back."""

import json
from typing import Any

import pytest

from precieux_client import APIError, Checker, Interactor, Judge, Limits, ProgramChecker, Submission
from tests.unit.client.server import RUN, SUBMISSION, Server, ok

JUDGE: dict[str, Any] = {
    "protocol": "testlib",
    "language": "cpp",
    "entry": "check.cpp",
    "files": [{"path": "check.cpp", "size_bytes": 9}],
    "args": ["strict"],
    "compiler_args": [],
    "limits": {"cpu_s": 10, "wall_s": 30, "memory_bytes": 1, "output_bytes": 1, "processes": 1},
}


def read(**changes: Any) -> Submission:
    """Return a submission as a server sends it with these changes."""
    with Server(ok({**SUBMISSION, **changes})).client() as client:
        return client.get(7)


def test_a_judge_is_sent_with_what_differs_from_the_defaults() -> None:
    server = Server(ok())
    files = {"check.cpp": b"int main() {}", "data": b"\xff"}
    checker = ProgramChecker("cpp", files=files, protocol="testlib", args=("strict",), limits=Limits(cpu_s=3))
    with server.client() as client:
        client.submit(language="py", source="x", checker=checker, interactor=Interactor("py", source="print(1)"))
        client.submit(language="py", source="x", checker=Checker("icpc", args=("case_sensitive",)))
        with pytest.raises(APIError):  # the answer is no batch
            client.create_batch([{"language": "py", "source": "x"}], defaults={"checker": checker, "interactor": None})
    with_programs, with_words, batch = (json.loads(request.content) for request in server.requests)
    program = {
        "kind": "program",
        "language": "cpp",
        "files": [
            {"path": "check.cpp", "content": "int main() {}"},
            {"path": "data", "content": "/w==", "encoding": "base64"},
        ],
        "protocol": "testlib",
        "args": ["strict"],
        "limits": {"cpu_s": 3},
    }
    assert with_programs["checker"] == program
    assert with_programs["interactor"] == {"language": "py", "source": "print(1)", "protocol": "kattis"}
    assert with_words["checker"] == {"kind": "icpc", "args": ["case_sensitive"]}
    assert batch["defaults"] == {"checker": program}


@pytest.mark.parametrize("interactor", [None, JUDGE])
def test_a_judge_comes_back_without_its_source(interactor: dict[str, Any] | None) -> None:
    checker = {"kind": "program", **JUDGE}
    submission = read(checker=checker, interactor=interactor, problem=None)
    assert isinstance(submission.checker, Judge)
    assert (submission.checker.kind, submission.checker.files[0].path) == ("program", "check.cpp")
    assert (submission.interactor and submission.interactor.args) == (interactor and ("strict",))


@pytest.mark.parametrize(
    ("checker", "expected"),
    [
        ({"kind": "icpc", "args": ["case_sensitive"]}, Checker("icpc", None, ("case_sensitive",))),
        ({"kind": "float", "tolerance": 0.5}, Checker("float", 0.5)),
    ],
)
def test_another_checker_comes_back_as_it_was_sent(checker: dict[str, Any], expected: Checker) -> None:
    submission = read(checker=checker)
    assert (submission.checker, submission.interactor) == (expected, None)


def test_a_secret_test_of_another_key_is_read() -> None:
    texts = dict.fromkeys(("stdout", "stderr", "diff", "judge_message", "truncated"))
    test = {**RUN, **texts, "name": "secret/1", "group": "secret", "hidden": True}
    submission = read(run={**RUN, "tests": [test]})
    assert submission.run
    assert submission.run.tests
    assert (submission.run.tests[0].stdout, submission.run.tests[0].truncated) == (None, None)


def test_what_a_judge_says_is_read() -> None:
    test = {
        **RUN, "name": "1", "group": None, "hidden": False, "points": 1, "points_awarded": None, "diff": None,
        "verdict": "judge_error", "message": None, "judge_message": "It was killed.",
    }  # fmt: skip
    run = {**RUN, "verdict": "judge_error", "points": 1, "tests": [test], "message": None, "judge_message": "why"}
    submission = read(verdict="judge_error", run=run)
    assert submission.run
    assert submission.run.tests
    assert (submission.passed, submission.run.judge_message) == (False, "why")
    assert (submission.run.tests[0].points_awarded, submission.run.tests[0].judge_message) == (None, "It was killed.")
