"""How submissions are shown to Judge0's clients."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared.common.text.base64_text import decode, encode
from shared.engine_api.codex import Verdict
from shared.records.judge0.statuses import Judge0End, Status, ending_of
from shared.records.judge0.submissions import NotText, fields_of, values_of

TOKEN = UUID("7f0f7c9e-2c1c-4d2a-9d61-0a2b3c4d5e6f")

#: The row of a submission whose program ran to its end.
ENDED = {
    "token": TOKEN, "is_requested": False, "outcome": "finished", "verdict": "ok", "exit_code": 0, "time_s": 0.0164,
    "memory_bytes": 2047, "created_at": datetime(2026, 8, 5, 22, 13, 34, 4999, tzinfo=UTC),
}  # fmt: skip


def run(verdict: Verdict, exit_code: int | None = None, signal: int | None = None, **how: bool) -> Judge0End:
    return ending_of(verdict, exit_code, signal, **{"is_over": False, "is_no_program": False, **how})


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
        (run(Verdict.OK, exit_code=0, is_over=True), Judge0End(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded", 0)),
        (run(Verdict.TIME_LIMIT), Judge0End(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded (wall clock)", 0)),
        (run(Verdict.TIME_LIMIT, is_over=True), Judge0End(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded", 0)),
        (run(Verdict.RUNTIME_ERROR, exit_code=3), Judge0End(Status.NZEC, "Exited with error status 3", 3)),
        (run(Verdict.RUNTIME_ERROR, signal=11), Judge0End(Status.SIGSEGV, "Caught fatal signal 11", 0, 11)),
        (run(Verdict.RUNTIME_ERROR, signal=64), Judge0End(Status.OTHER, "Caught fatal signal 64", 0, 64)),
        (run(Verdict.OUTPUT_LIMIT, signal=9), Judge0End(Status.SIGXFSZ, "Caught fatal signal 25", 0, 25)),
        (run(Verdict.MEMORY_LIMIT), Judge0End(Status.OTHER, "Caught fatal signal 9", 0, 9)),
        (run(Verdict.MEMORY_LIMIT, exit_code=1), Judge0End(Status.NZEC, "Exited with error status 1", 1)),
        (run(Verdict.COMPILE_ERROR, exit_code=1), Judge0End(Status.COMPILATION_ERROR)),
        (
            run(Verdict.RUNTIME_ERROR, exit_code=126, is_no_program=True),
            Judge0End(Status.EXEC_FORMAT_ERROR, "Exited with error status 126", 126),
        ),
    ],
)
def test_the_end_of_a_run(ending: Judge0End, expected: Judge0End) -> None:
    assert ending == expected


def test_the_form_of_numbers_and_times() -> None:
    names = ("is_running", "failure", "compile_output", "inputs", "expected_output", "encoding", "finished_at")
    row = {**dict.fromkeys((*names, "stderr", "stderr_bytes", "signal", "is_over", "is_no_program", "wall_s")), **ENDED}
    limits = {"cpu_time_limit": 5, "cpu_extra_time": 1.0, "wall_time_limit": 2.5, "memory_limit": 128000}
    request = {**limits, "language_id": 71, "language": "Python (3.13.5)"}
    expected = {
        "created_at": "2026-08-05T22:13:34.004Z",
        "finished_at": None,
        "time": "0.016",
        "wall_time": None,
        "memory": 1,
        "cpu_time_limit": "5.0",
        "memory_limit": 128000,
        "token": str(TOKEN),
        "stdout": b"x",
        "stderr": None,
    }
    values = values_of(row, request, None, b"x")
    assert {name: values[name] for name in expected} == expected
    waiting = values_of({**row, "is_requested": True}, request, None, b"x")
    assert (waiting["status"], waiting["time"], waiting["stdout"]) == (Status.IN_QUEUE.shown, None, None)


@pytest.mark.parametrize("base64", [True, False])
def test_additional_files_are_base64_in_lines(base64: bool) -> None:
    """However the client has written it."""
    data = bytes(range(100))
    for sent in (encode(data), encode(data).replace("\n", ""), encode(data).replace("\n", "\r\n ")):
        shown = fields_of({"additional_files": sent}, ["additional_files"], base64=base64)
        assert shown == {"additional_files": encode(data)}
    none = {"additional_files": None}
    assert fields_of(none, ["additional_files"], base64=base64) == none


def test_bytes_need_base64() -> None:
    values = {"token": str(TOKEN), "stdout": b"\xff", "stderr": None}
    assert fields_of(values, ["stdout", "stderr"], base64=True) == {"stdout": "/w==\n", "stderr": None}
    with pytest.raises(NotText):
        fields_of(values, ["stdout"], base64=False)
    assert fields_of(values, ["token"], base64=False) == {"token": str(TOKEN)}
