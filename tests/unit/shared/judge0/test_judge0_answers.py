"""How submissions are shown to Judge0's clients."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.engine.codex import Verdict
from shared.judge0.base64_text import decode, encode
from shared.judge0.fields import Judge0Submission, NotText, fields_of
from shared.judge0.statuses import DESCRIPTIONS, Judge0End, ProgramEnd, Status, ending_of

TOKEN = UUID("7f0f7c9e-2c1c-4d2a-9d61-0a2b3c4d5e6f")


def run(verdict: Verdict, **fields: Any) -> Judge0End:
    usual = {"exit_code": None, "signal": None, "cpu_s": 0.1, "cpu_limit": 5.0, "stderr": b""}
    return ending_of(ProgramEnd(verdict=verdict, **{**usual, **fields}))


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"a", "YQ==\n"), (b"x" * 45, "eHh4" * 15 + "\n"), (b"x" * 46, "eHh4" * 15 + "\neA==\n")],
)
def test_lines_of_base64(data: bytes, text: str) -> None:
    assert encode(data) == text
    assert decode(text) == data


@pytest.mark.parametrize(
    ("text", "data"),
    [("YWJj", b"abc"), ("YW\nJ*j", b"abc"), ("YWI", b"ab"), ("YWJjZ", b"abc"), ("YQ==YQ==", b"a"), ("é", b"")],
)
def test_bad_base64_goes_as_far_as_it_can(text: str, data: bytes) -> None:
    assert decode(text) == data


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (run(Verdict.OK, exit_code=0), Judge0End(Status.ACCEPTED, None, 0)),
        (run(Verdict.ACCEPTED, exit_code=0), Judge0End(Status.ACCEPTED, None, 0)),
        (run(Verdict.WRONG_ANSWER, exit_code=0), Judge0End(Status.WRONG_ANSWER, None, 0)),
        (run(Verdict.OK, exit_code=0, cpu_s=5.1), Judge0End(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded", 0)),
        (run(Verdict.OK, exit_code=0, cpu_s=5.1, cpu_limit=0), Judge0End(Status.ACCEPTED, None, 0)),
        (run(Verdict.TIME_LIMIT), Judge0End(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded (wall clock)", 0)),
        (run(Verdict.TIME_LIMIT, cpu_s=6), Judge0End(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded", 0)),
        (run(Verdict.RUNTIME_ERROR, exit_code=3), Judge0End(Status.NZEC, "Exited with error status 3", 3)),
        (run(Verdict.RUNTIME_ERROR, signal=11), Judge0End(Status.SIGSEGV, "Caught fatal signal 11", 0, 11)),
        (run(Verdict.RUNTIME_ERROR, signal=64), Judge0End(Status.OTHER, "Caught fatal signal 64", 0, 64)),
        (run(Verdict.OUTPUT_LIMIT, signal=9), Judge0End(Status.SIGXFSZ, "Caught fatal signal 25", 0, 25)),
        (run(Verdict.MEMORY_LIMIT, signal=9), Judge0End(Status.OTHER, "Caught fatal signal 9", 0, 9)),
        (run(Verdict.MEMORY_LIMIT, exit_code=1), Judge0End(Status.NZEC, "Exited with error status 1", 1)),
        (run(Verdict.COMPILE_ERROR, exit_code=1), Judge0End(Status.COMPILATION_ERROR)),
        (
            run(Verdict.RUNTIME_ERROR, exit_code=126, stderr=b"a.out: Exec format error\n"),
            Judge0End(Status.EXEC_FORMAT_ERROR, "Exited with error status 126", 126),
        ),
    ],
)
def test_the_end_of_a_run(ending: Judge0End, expected: Judge0End) -> None:
    assert ending == expected


def test_every_status_has_a_description() -> None:
    assert [*DESCRIPTIONS] == [*Status]


def test_the_form_of_numbers_and_times() -> None:
    created = datetime(2026, 8, 5, 22, 13, 34, 4999, tzinfo=UTC)
    request = {"cpu_time_limit": 5, "memory_limit": 128000}
    one = Judge0Submission(TOKEN, request, Judge0End(Status.IN_QUEUE), created, cpu_s=0.0164, memory_bytes=2047)
    names = ["created_at", "finished_at", "time", "wall_time", "memory", "cpu_time_limit", "memory_limit", "token"]
    assert fields_of(one, names, base64=False) == {
        "created_at": "2026-08-05T22:13:34.004Z",
        "finished_at": None,
        "time": "0.016",
        "wall_time": None,
        "memory": 1,
        "cpu_time_limit": "5.0",
        "memory_limit": 128000,
        "token": str(TOKEN),
    }


@pytest.mark.parametrize("base64", [True, False])
def test_additional_files_are_base64_in_lines(base64: bool) -> None:
    """However the client has written it."""
    data = bytes(range(100))
    for sent in (encode(data), encode(data).replace("\n", ""), encode(data).replace("\n", "\r\n ")):
        one = Judge0Submission(TOKEN, {"additional_files": sent}, Judge0End(Status.IN_QUEUE), datetime.now(UTC))
        assert fields_of(one, ["additional_files"], base64=base64) == {"additional_files": encode(data)}
    one = Judge0Submission(TOKEN, {"additional_files": None}, Judge0End(Status.IN_QUEUE), datetime.now(UTC))
    assert fields_of(one, ["additional_files"], base64=base64) == {"additional_files": None}


def test_bytes_need_base64() -> None:
    one = Judge0Submission(TOKEN, {}, Judge0End(Status.ACCEPTED), datetime.now(UTC), stdout=b"\xff")
    assert fields_of(one, ["stdout", "stderr"], base64=True) == {"stdout": "/w==\n", "stderr": None}
    with pytest.raises(NotText):
        fields_of(one, ["stdout"], base64=False)
    assert fields_of(one, ["token"], base64=False)
