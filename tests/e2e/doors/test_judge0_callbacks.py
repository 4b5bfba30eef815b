"""Judge0's callbacks, from a running system to a receiver on this machine."""

import json
from typing import Any

import pytest

from tests.fixtures.judge0 import C, Door, decoded
from tests.fixtures.webhook_receiver import Receiver, answer, receiving
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


async def called(receiver: Receiver, token: str, times: int = 1) -> list[Any]:
    """Return the bodies that came for a submission, when there are so many."""
    found: list[Any] = []

    def all_came() -> bool:
        found[:] = [json.loads(one.body) for one in receiver.received if token in one.body.decode()]
        return len(found) >= times

    await eventually(all_came, what="the callback came", timeout=30)
    return found


async def test_a_callback_is_the_submission(judge0: Door) -> None:
    async with receiving() as receiver:
        receiver.answers.append(answer(500))
        token = judge0.owner.create("print('é')", callback_url=f"{receiver.url}?a=b", _base64_encoded="false")["token"]
        [body] = await called(receiver, token)
        assert set(body) == {"token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status"}
        assert decoded(body)["stdout"] == "é\n".encode()
        assert body["status"] == {"id": 3, "description": "Accepted"}
        [request] = receiver.received
        assert request.line.startswith("PUT /hook?a=b ")
        assert request.headers["content-type"] == "application/json"
        assert not any(name.startswith("webhook-") for name in request.headers)
        # A status of 500 is not tried again, so the next one to come is another submission's.
        token = judge0.owner.create("int main(", C, callback_url=receiver.url)["token"]
        [body] = await called(receiver, token)
        assert (body["status"]["id"], body["stdout"]) == (6, None)
        assert len(receiver.received) == 2
