"""Sections 3 and 5 of the contract: webhooks, and the classic calls beside v1."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.fixtures.contract import (
    ONE,
    TIME,
    Api,
    Contract,
    create_key,
    faults,
    problem,
    started,
)
from tests.fixtures.http_thread import Handler, Server
from tests.fixtures.up import Up
from tests.problem_packages import pack
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow


class Receiver(Server):
    """Records each delivery, and answers with 204."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.received: list[tuple[dict[str, str], bytes]] = []

    def wait(self, count: int, timeout: float = 15) -> list[tuple[dict[str, str], bytes]]:
        eventually_sync(lambda: len(self.received) >= count, timeout, what=f"{count} webhooks arrive")
        return self.received


class _Handler(Handler):
    server: Receiver

    def post(self) -> None:
        body = self.read_body() or b""
        self.server.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.answer(204)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def test_a_webhook_is_signed_with_the_secret_of_its_key(system: Contract, owner: Api, receiver: Receiver) -> None:
    body = owner.submit(source="print('x' * 5000)", webhook_url=receiver.url)
    path = f"/v1/submissions/{body['id']}"
    [(headers, content)] = receiver.wait(1)
    event = Webhook(system.secret("owner")).verify(content, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(system.secret("other")).verify(content, headers)
    assert headers["webhook-id"].startswith("msg_")
    assert headers["content-type"].startswith("application/json")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    secret = base64.b64decode(system.secret("owner").removeprefix("whsec_"))
    assert 24 <= len(secret) <= 64
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"].split(" ") == [f"v1,{digest}"]
    assert list(event) == ["type", "timestamp", "data"]
    assert event["type"] == "submission.finished"
    assert TIME.fullmatch(event["timestamp"])
    data = event["data"]
    whole = owner.read(path)
    assert data["run"]["stdout"] == "x" * 4096
    assert data["run"]["truncated"] == ["stdout"]
    for one in (data, whole):
        one["run"]["stdout"] = one["run"]["truncated"] = one["webhook"] = one["mail"] = None
    assert data == whole
    eventually_sync(lambda: owner.read(path)["webhook"]["state"] == "delivered")
    assert owner.read(path)["webhook"] == {
        "url": receiver.url,
        "state": "delivered",
        "attempts": 1,
        "last_status": 204,
        "last_error": None,
        "next_attempt_at": None,
    }


def test_each_final_state_has_its_type(owner: Api, receiver: Receiver) -> None:
    running = started(owner, webhook_url=receiver.url)
    assert owner.post(f"/v1/submissions/{running['id']}/cancel").status_code == 202
    [(_, content)] = receiver.wait(1)
    event = json.loads(content)
    assert (event["type"], event["data"]["state"]) == ("submission.cancelled", "cancelled")
    held = owner.held(webhook_url=receiver.url)
    assert (held["webhook"]["url"], held["webhook"]["attempts"]) == (receiver.url, 0)
    owner.post(f"/v1/submissions/{held['id']}/cancel")
    [_, (_, content)] = receiver.wait(2)
    assert json.loads(content)["type"] == "submission.cancelled"


def test_a_run_again_has_a_webhook_of_its_own(owner: Api, receiver: Receiver) -> None:
    body = owner.submit(source="print(1)", webhook_url=receiver.url)
    receiver.wait(1)
    owner.post(f"/v1/submissions/{body['id']}/runs", params={"wait": 20})
    receiver.wait(2)
    (first, _), (second, content) = receiver.received
    assert first["webhook-id"] != second["webhook-id"]
    assert json.loads(content)["data"]["run"]["number"] == 2


def test_a_batch_has_a_webhook(system: Contract, owner: Api, receiver: Receiver) -> None:
    answer = owner.post("/v1/batches", json={"submissions": [ONE, ONE], "webhook_url": receiver.url})
    batch = answer.json()
    assert set(batch["webhook"]) == {"url", "state", "attempts", "last_status", "last_error", "next_attempt_at"}
    [(headers, content)] = receiver.wait(1)
    event = Webhook(system.secret("owner")).verify(content, headers)
    assert event["type"] == "batch.finished"
    whole = owner.read(f"/v1/batches/{batch['id']}")
    assert event["data"] | {"webhook": None} == whole | {"webhook": None}
    assert event["data"]["state"] == "finished"


# The classic calls.


def test_each_side_sees_what_the_other_registered(system: Contract, email: str) -> None:
    owner = system.owner
    answer = owner.post(
        "/submit_email/",
        data={"email": email, "language": "py", "inputs": "7", "enable": "0"},
        files={"file": ("a.py", b"print(input())")},
    )
    assert answer.status_code == 200, answer.text
    number = int(answer.json().rpartition(" ")[2])
    body = owner.read(f"/v1/submissions/{number}")
    assert (body["state"], body["email"], body["runs"]) == ("held", email, 0)
    assert owner.get("/check_email/", params={"id": number}).status_code == 200
    done = owner.read(f"/v1/submissions/{number}", wait=20)
    assert (done["state"], done["verdict"], done["run"]["stdout"]) == ("finished", "ok", "7\n")
    assert done["run"]["tests"] is None
    v1 = owner.submit(source="print(8)", email=email)
    rows = {row["id"]: row for row in owner.get("/check_user/", params={"email": email}).json()["result"]}
    assert set(rows) == {number, v1["id"]}
    assert rows[v1["id"]]["output"] == "8\n"
    held = owner.held(email=email)
    assert owner.get("/check_email/", params={"id": held["id"]}).status_code == 200
    assert owner.read(f"/v1/submissions/{held['id']}", wait=20)["state"] == "finished"
    assert owner.get("/check_email/", params={"id": 987654321}).json() == {"detail": "Email not found"}


# Without keys.


def test_loopback_owns_everything_while_there_are_no_keys(running: Up) -> None:
    with Api(running.url, None) as api:
        body = api.submit(source="print(1)")
        assert body["state"] == "finished"
        assert api.read("/v1/submissions")["items"][0]["id"] == body["id"]
        assert api.post(f"/v1/submissions/{body['id']}/runs").status_code == 202
        answer = api.post(
            "/v1/submissions", json={"language": "py", "source": "1", "webhook_url": "https://example.com/"}
        )
        assert faults(answer) == {"/webhook_url"}
        batch = {"submissions": [ONE], "webhook_url": "https://example.com/"}
        assert faults(api.post("/v1/batches", json=batch)) == {"/webhook_url"}
        problem(api.post("/v1/mailgun/events", json={}), 404)
        assert api.read("/v1/usage")["next"] is None
        headers = {"Authorization": "Bearer anything"}
        assert api.get("/v1/limits", headers=headers).status_code in (200, 401)


def test_the_end_of_a_check_is_posted(system: Contract, receiver: Receiver) -> None:
    key = create_key(system.data_dir, "checker-with-webhook", "problems", "submit", "read")
    files = {
        "problem.yaml": "name: Any\n",
        "data/secret/1.in": "",
        "data/secret/1.ans": "1\n",
        "submissions/accepted/one.py": "print(1)\n",
    }
    with Api(system.url, key["key"]) as api:
        package = pack(files).read()
        assert api.put("/v1/problems/hooked", content=package, headers={"Content-Type": "application/zip"}).is_success
        answer = api.post("/v1/problems/hooked/check", json={"webhook_url": receiver.url}, params={"wait": 30})
        assert answer.json()["verdict"] == "passed"
    [(headers, content)] = receiver.wait(1)
    event = Webhook(key["webhook_secret"]).verify(content, headers)
    assert (event["type"], event["data"]) == ("problem.checked", answer.json())
