"""No error repeats much of a long body. Answers that nobody reads would fill the memory otherwise."""

import json
from typing import Any

import httpx

from api_service.doors.piston.app import PATH as PISTON
from tests.integration.api_service.conftest import ApiWith

KEY = "k" * 32
LONG = '"' * 40_000
PROGRAM: dict[str, Any] = {"language": "py", "source": "print(1)"}
JOB: dict[str, Any] = {"language": "py", "version": "*", "files": [{"content": "print(1)"}]}


def form(*names: str) -> dict[str, Any]:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name in names for text in "ab"
    ]
    return {"content": "".join([*parts, "--x--\r\n"]), "headers": {"Content-Type": "multipart/form-data; boundary=x"}}


SENT: list[tuple[str, dict[str, Any]]] = [
    ("/v1/submissions", {"json": {**PROGRAM, LONG: 1}}),
    ("/v1/submissions", {"json": {**PROGRAM, "language": LONG}}),
    ("/v1/submissions", {"json": {**PROGRAM, "limits": {LONG: 1}}}),
    ("/v1/submissions", {"json": {**PROGRAM, "compiler_args": [f"-{LONG}"]}}),
    ("/v1/submissions", {"content": json.dumps(PROGRAM)[:-1] + f', "{LONG}": 1, "{LONG}": 2}}'}),
    ("/v1/submissions", form("x" * 60_000)),
    ("/v1/batches", {"json": {"submissions": [{**PROGRAM, LONG: 1}]}}),
    ("/submit_email/", form("language", "é" * 20_000)),
    ("/submissions", {"json": {"language_id": 71, "source_code": "x", "fields": LONG}}),
    ("/submissions", {"json": {"language_id": LONG, "source_code": "x"}}),
    (f"{PISTON}/execute", {"json": {**JOB, "language": LONG}}),
    (f"{PISTON}/execute", {"json": {**JOB, "files": [{"name": f"../{LONG}", "content": "x"}]}}),
]


async def test_an_error_is_short(api_with: ApiWith) -> None:
    async with api_with(operator_keys=(KEY,), front_doors="judge0,piston") as client:
        for path, sent in SENT:
            headers = {"Authorization": f"Bearer {KEY}", "X-Auth-Token": KEY, **sent.get("headers", {})}
            if "content" in sent and "headers" not in sent:
                headers["Content-Type"] = "application/json"
            answer: httpx.Response = await client.post(path, **{**sent, "headers": headers})
            assert 400 <= answer.status_code < 500, answer.text[:300]
            assert len(answer.content) < 32 << 10
