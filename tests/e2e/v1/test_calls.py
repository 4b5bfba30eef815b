"""Section 2 of the contract: reading, listing, cancelling, deleting, bytes, mails, waiting and idempotency."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.fixtures.contract import TIME, Api, Contract, faults, mails, problem, started
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

# Get.


def test_an_etag_changes_with_the_body(owner: Api) -> None:
    held = owner.held()
    path = f"/v1/submissions/{held['id']}"
    first = owner.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    assert owner.get(path).headers["etag"] == tag
    for sent in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        same = owner.get(path, headers={"If-None-Match": sent})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag), sent
    zipped = owner.get(path, headers={"If-None-Match": tag, "Accept-Encoding": "identity"})
    assert zipped.status_code == 304
    assert owner.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    began = time.monotonic()
    at_once = owner.get(path, params={"wait": 30}, headers={"If-None-Match": tag})
    assert at_once.status_code == 304
    assert time.monotonic() - began < 30
    owner.post(f"{path}/runs")
    changed = owner.get(path, params={"wait": 20}, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert changed.json()["state"] == "finished"


# Waiting.


@pytest.mark.parametrize("wait", ["61", "-1", "a", "١"])
def test_a_bad_wait_is_refused_by_name(owner: Api, wait: str) -> None:
    held = owner.held()
    path = f"/v1/submissions/{held['id']}"
    assert faults(owner.get(path, params={"wait": wait})) == {"?wait"}
    assert faults(owner.post(f"{path}/runs", params={"wait": wait})) == {"?wait"}
    body = {"language": "py", "source": "1"}
    assert faults(owner.post("/v1/submissions", params={"wait": wait}, json=body)) == {"?wait"}


def test_a_preference_is_applied(owner: Api) -> None:
    body = {"language": "py", "source": "print(1)"}
    for prefer, applied in (
        ("wait=20", "wait=20"),
        ("wait=100", "wait=60"),
        ("respond-async, wait=20", "wait=20"),
        ("Wait=20", "wait=20"),
        ('wait="20"', "wait=20"),
        ("wait = 20", "wait=20"),
        ("wait=20; x=1", "wait=20"),
    ):
        answer = owner.post("/v1/submissions", json=body, headers={"Prefer": prefer})
        assert answer.status_code == 201
        assert answer.headers.get("preference-applied") == applied, prefer
        assert answer.json()["state"] == "finished"
    path = f"/v1/submissions/{answer.json()['id']}"
    assert owner.get(path, headers={"Prefer": "wait=5"}).headers["preference-applied"] == "wait=5"
    again = owner.post(f"{path}/runs", headers={"Prefer": "wait=20"})
    assert (again.status_code, again.headers["preference-applied"]) == (202, "wait=20")
    assert again.json()["state"] == "finished"
    for bad in ("wait=x", "wait=-1", "wait=1.5", "wait", "wait=", "respond-async"):
        ignored = owner.get(path, headers={"Prefer": bad})
        assert ignored.status_code == 200
        assert "preference-applied" not in ignored.headers, bad


def test_the_parameter_wins_over_the_preference(owner: Api) -> None:
    body = {"language": "py", "source": "import time; time.sleep(20)"}
    # Without the parameter, the answer would come after the program's end.
    answer = owner.post("/v1/submissions", params={"wait": 0}, json=body, headers={"Prefer": "wait=60"})
    assert answer.json()["state"] in ("queued", "running")
    assert "preference-applied" not in answer.headers
    owner.post(f"/v1/submissions/{answer.json()['id']}/cancel")


def test_a_wait_ends_before_the_program(owner: Api) -> None:
    path = f"/v1/submissions/{started(owner)['id']}"
    with ThreadPoolExecutor() as pool:
        longer = pool.submit(owner.get, path, params={"wait": 30})
        began = time.monotonic()
        waited = owner.get(path, params={"wait": 1})
        assert time.monotonic() - began > 0.9
        assert not longer.done()
        assert (waited.status_code, waited.json()["state"]) == (200, "running")
        owner.post(f"{path}/cancel")
        assert longer.result().json()["state"] == "cancelled"


# The list.


@pytest.fixture(scope="module")
def listed(owner: Api) -> list[dict[str, Any]]:
    """Seven submissions, newest first, that one filter finds."""
    made = [owner.held(metadata={"set": "list", "n": str(n)}, email=f"list{n % 2}@example.com") for n in range(5)]
    made.append(owner.submit(source="print(1)", metadata={"set": "list"}, tests=[{}]))
    made.append(owner.submit(source="1/0", metadata={"set": "list"}))
    return made[::-1]


def ids(page: dict[str, Any]) -> list[int]:
    return [item["id"] for item in page["items"]]


def test_items_are_without_texts(owner: Api, listed: list[dict[str, Any]]) -> None:
    page = owner.read("/v1/submissions", **{"metadata.set": "list"})
    whole = owner.read(f"/v1/submissions/{listed[1]['id']}")
    [item] = [item for item in page["items"] if item["id"] == listed[1]["id"]]
    for text in ("stdout", "stderr", "compile_output", "tests"):
        assert item["run"][text] is None
        whole["run"][text] = None
    assert item == whole


def test_a_cursor_holds_only_for_its_key(system: Contract, listed: list[dict[str, Any]]) -> None:
    cursor = system.owner.read("/v1/submissions", limit=1)["next"]
    answer = system.other.get("/v1/submissions", params={"cursor": cursor})
    assert answer.status_code == 200
    assert not {one["id"] for one in listed} & set(ids(answer.json()))
    for changed in (cursor[:-1], cursor + "x", "x" + cursor):
        assert faults(system.owner.get("/v1/submissions", params={"cursor": changed})) == {"?cursor"}


# Cancel and delete.


def test_cancelling_what_is_held(owner: Api, email: str) -> None:
    held = owner.held(email=email)
    path = f"/v1/submissions/{held['id']}"
    answer = owner.post(f"{path}/cancel")
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["state"], body["verdict"], body["runs"], body["run"], body["mail"]) == (
        "cancelled",
        None,
        0,
        None,
        None,
    )
    problem(owner.post(f"{path}/cancel"), 409)
    again = owner.post(f"{path}/runs", params={"wait": 20}).json()
    assert (again["number"], again["state"]) == (1, "finished")


def test_cancelling_a_running_program(owner: Api, email: str) -> None:
    running = started(owner, email=email)
    path = f"/v1/submissions/{running['id']}"
    began = time.monotonic()
    answer = owner.post(f"{path}/cancel")
    assert answer.status_code == 202
    assert answer.json()["state"] == "cancelled"
    final = owner.read(path, wait=30)
    assert time.monotonic() - began < 30
    assert (final["state"], final["verdict"], final["mail"]) == ("cancelled", None, None)
    run = final["run"]
    assert (run["state"], run["verdict"], run["exit_code"], run["signal"]) == ("cancelled", None, None, None)
    assert TIME.fullmatch(run["finished_at"])
    problem(owner.post(f"{path}/cancel"), 409)
    assert owner.read(f"{path}/mails")["items"] == []
    problem(owner.post(f"{path}/mails"), 409)
    assert owner.delete(path).status_code == 204


def test_deleting(system: Contract, owner: Api, email: str) -> None:
    body = owner.submit(source="print(1)", email=email)
    path = f"/v1/submissions/{body['id']}"
    answer = owner.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for rest in ("", "/runs", "/runs/1", "/output", "/stderr", "/source", "/mails", "/events"):
        problem(owner.get(path + rest), 404)
    problem(owner.delete(path), 404)
    problem(owner.post(f"{path}/runs"), 404)
    assert owner.read("/v1/submissions", email=email)["items"] == []
    if body["links"]["page"]:
        assert httpx.get(body["links"]["page"]).status_code == 404
    answer = owner.post(
        "/submit_email/",
        data={"email": email, "language": "py", "inputs": "", "enable": "0", "id": str(body["id"])},
        files={"file": ("a.py", b"1")},
    )
    assert answer.status_code == 409
    assert owner.held()["id"] > body["id"]
    held = owner.held()
    assert owner.delete(f"/v1/submissions/{held['id']}").status_code == 204


# Bytes.

PRINTS = "import sys\nprint('0123456789', end='')\nprint('err', file=sys.stderr, end='')"


@pytest.fixture(scope="module")
def printed(owner: Api) -> dict[str, Any]:
    return owner.submit(source=PRINTS)


def test_output_before_there_is_any(owner: Api) -> None:
    held = owner.held()
    for name in ("output", "stderr"):
        problem(owner.get(f"/v1/submissions/{held['id']}/{name}"), 404)
    assert owner.get(f"/v1/submissions/{held['id']}/source").text == "print(1)"


def test_output_of_a_run_and_of_a_test(owner: Api, printed: dict[str, Any]) -> None:
    path = f"/v1/submissions/{printed['id']}/output"
    assert owner.get(path, params={"run": 1}).status_code == 200
    problem(owner.get(path, params={"run": 2}), 404)
    for bad in ("0", "a", "-1"):
        assert owner.get(path, params={"run": bad}).status_code in (404, 422)
    tested = owner.submit(source="print(input())", tests=[{"stdin": "1"}, {"stdin": "2"}])
    own = f"/v1/submissions/{tested['id']}/output"
    assert owner.get(own, params={"test": 2}).text == "2\n"
    assert owner.get(own, params={"test": 1, "run": 1}).text == "1\n"
    assert owner.get(f"/v1/submissions/{tested['id']}/stderr", params={"test": 2}).text == ""
    problem(owner.get(own, params={"test": 3}), 404)
    assert owner.get(own).status_code in (404, 422)
    assert owner.get(path, params={"test": 1}).status_code in (404, 422)
    assert faults(owner.get(f"/v1/submissions/{printed['id']}/source", params={"run": 1})) == {"?run"}


# Mails.


def test_the_mails_of_a_submission(system: Contract, owner: Api, email: str) -> None:
    body = owner.submit(source="print(1)", email=email, receipt=True, locale="fa")
    path = f"/v1/submissions/{body['id']}"
    assert body["links"]["page"]
    eventually_sync(lambda: (owner.read(path)["mail"] or {}).get("state") == "sent")
    page = owner.read(f"{path}/mails")
    assert page["next"] is None
    keys = ["id", "kind", "to", "locale", "state", "attempts", "created_at", "updated_at", "sent_at", "last_error"]
    assert all(list(item) == keys for item in page["items"])
    assert [item["kind"] for item in page["items"]] == ["result", "receipt"]
    result = page["items"][0]
    assert (result["to"], result["locale"], result["attempts"], result["last_error"]) == (email, "fa", 1, None)
    assert TIME.fullmatch(result["sent_at"])
    mail = owner.read(path)["mail"]
    assert list(mail) == ["id", "state", "updated_at"]
    assert mail["id"] == result["id"]
    again = owner.post(f"{path}/mails")
    assert again.status_code == 202, again.text
    assert list(again.json()) == keys
    assert (again.json()["kind"], again.json()["state"]) == ("result", "queued")
    assert again.json()["id"] != result["id"]
    assert owner.read(f"{path}/mails")["items"][0]["id"] == again.json()["id"]
    assert owner.read(path)["mail"]["id"] == again.json()["id"]
    assert '"mails"' in again.headers["ratelimit"]
    eventually_sync(lambda: len(mails(system, email)) == 3)
    statuses = [owner.post(f"{path}/mails").status_code for _ in range(4)]
    assert 429 in statuses
    assert httpx.get(body["links"]["page"]).status_code == 200


def test_a_mail_needs_a_result_and_a_recipient(owner: Api, email: str) -> None:
    held = owner.held(email=email)
    problem(owner.post(f"/v1/submissions/{held['id']}/mails"), 409)
    mute = owner.submit(source="1")
    problem(owner.post(f"/v1/submissions/{mute['id']}/mails"), 409)
    assert owner.read(f"/v1/submissions/{mute['id']}/mails") == {"items": [], "next": None}


# Idempotency.


def test_answers_are_replayed(owner: Api, email: str) -> None:
    """`tests/integration/api_service/v1/test_idempotency.py` has what the same key and the same body are."""
    body = {"language": "py", "source": "print(1)", "metadata": {"a": "1", "b": "2"}}
    done = owner.submit(source="print(1)")
    for path, content, status in (
        ("/v1/submissions", body, 201),
        ("/v1/batches", {"submissions": [body, body]}, 201),
        (f"/v1/submissions/{done['id']}/runs", {}, 202),
    ):
        first, again = (owner.post(path, json=content, headers={"Idempotency-Key": email}) for _ in range(2))
        assert (first.status_code, again.status_code, again.content) == (status, status, first.content)
        assert again.headers["location"] == first.headers["location"]
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert "ratelimit" not in again.headers
        problem(owner.post(path, json={**body, "source": "2"}, headers={"Idempotency-Key": email}), 422)
