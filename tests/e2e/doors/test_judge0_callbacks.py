"""Judge0's callbacks, from a running system to a receiver on this machine."""

import json

import pytest

from tests.fixtures.judge0 import Door, decoded
from tests.fixtures.webhook_receiver import receiving
from tests.waiting import eventually

pytestmark = pytest.mark.slow


async def test_a_callback_is_the_submission(judge0: Door) -> None:
    async with receiving() as receiver:
        token = judge0.owner.create("print('é')", callback_url=f"{receiver.url}?a=b", _base64_encoded="false")["token"]
        await eventually(lambda: bool(receiver.received), what="the callback came", timeout=30)
    [request] = receiver.received
    body = json.loads(request.body)
    assert set(body) == {"token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status"}
    assert (body["token"], decoded(body)["stdout"]) == (token, "é\n".encode())
    assert body["status"] == {"id": 3, "description": "Accepted"}
    assert request.line.startswith("PUT /hook?a=b ")
    assert request.headers["content-type"] == "application/json"
