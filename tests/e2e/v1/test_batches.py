"""Section 2 of the contract: batches, languages and limits."""

from typing import Any

import pytest

from tests.fixtures.contract import ONE, TIME, Api, Contract, faults, mails, problem
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

BATCH = "id state total done states verdicts digest webhook created_at finished_at submissions links"
STATES = "held queued running finished failed cancelled"
VERDICTS = "ok accepted compile_error runtime_error time_limit memory_limit output_limit wrong_answer judge_error"


def post(api: Api, *submissions: dict[str, Any], **keys: Any) -> dict[str, Any]:
    answer = api.post("/v1/batches", json={"submissions": list(submissions)} | keys)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == body["links"]["self"]
    return body


def finished(api: Api, number: int) -> dict[str, Any]:
    def final() -> dict[str, Any] | None:
        body: dict[str, Any] = api.read(f"/v1/batches/{number}")
        return body if body["state"] == "finished" else None

    return eventually_sync(final) or {}


def test_a_batch(owner: Api) -> None:
    body = post(owner, ONE, ONE | {"source": "1/0"}, ONE | {"expected_output": "2"})
    assert list(body) == BATCH.split()
    assert (body["total"], body["digest"], body["webhook"]) == (3, False, None)
    assert body["state"] in ("running", "finished")
    assert TIME.fullmatch(body["created_at"])
    own = f"{str(owner.base_url).rstrip('/')}/v1/batches/{body['id']}"
    assert body["links"]["self"] == own
    assert body["links"]["events"] == f"{own}/events"
    assert len(body["submissions"]) == 3
    assert sum(body["states"].values()) == 3
    final = finished(owner, body["id"])
    assert (final["done"], final["total"]) == (3, 3)
    assert set(final["states"]) == set(STATES.split())
    assert set(final["verdicts"]) == set(VERDICTS.split())
    assert {name: n for name, n in final["states"].items() if n} == {"finished": 3}
    assert {name: n for name, n in final["verdicts"].items() if n} == {
        "ok": 1,
        "runtime_error": 1,
        "wrong_answer": 1,
    }
    assert TIME.fullmatch(final["finished_at"])
    verdicts = [owner.read(f"/v1/submissions/{number}")["verdict"] for number in final["submissions"]]
    assert verdicts == ["ok", "runtime_error", "wrong_answer"]
    listed = owner.get(body["links"]["submissions"]).json()["items"]
    assert {item["id"] for item in listed} == set(final["submissions"])
    assert all(item["batch"] == body["id"] for item in listed)
    problem(owner.post(f"/v1/batches/{body['id']}/cancel"), 409)
    assert owner.delete(f"/v1/submissions/{final['submissions'][0]}").status_code == 204
    less = owner.read(f"/v1/batches/{body['id']}")
    assert (less["total"], less["done"], less["submissions"]) == (2, 2, final["submissions"][1:])
    assert (less["verdicts"]["ok"], less["states"]["finished"]) == (0, 2)


def test_defaults(owner: Api) -> None:
    body = post(
        owner,
        {"source": "print(input())"},
        {"language": "c", "source": "int main(void) { return 0; }", "metadata": {"b": "2"}},
        {"files": [{"path": "a.py", "content": "print(9)"}]},
        {},
        {"stdin": None},
        defaults={"language": "py", "source": "print('default')", "stdin": "7", "metadata": {"a": "1"}},
    )
    ends = [owner.read(f"/v1/submissions/{number}", wait=30) for number in body["submissions"]]
    assert [end["run"]["stdout"] for end in ends] == ["7\n", "", "9\n", "default\n", "default\n"]
    assert [end["language"] for end in ends] == ["py", "c", "py", "py", "py"]
    assert [end["metadata"] for end in ends] == [{"a": "1"}, {"b": "2"}, *[{"a": "1"}] * 3]
    assert [end["entry"] for end in ends] == ["main.py", "main.c", "a.py", "main.py", "main.py"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"submissions": [ONE, ONE | {"webhook_url": "http://10.0.0.1/"}]}, {"/submissions/1/webhook_url"}),
        ({"submissions": [ONE], "defaults": {"limits": {"cpu_s": "1"}}}, {"/defaults/limits/cpu_s"}),
        ({"submissions": [ONE], "webhook_url": "http://10.0.0.1/"}, {"/webhook_url"}),
    ],
)
def test_faults_of_a_batch(owner: Api, body: dict[str, Any], where: set[str]) -> None:
    """`tests/unit/api_service/test_batch_body.py` has the others."""
    before = owner.read("/v1/submissions", limit=1)["items"]
    assert faults(owner.post("/v1/batches", json=body)) == where
    assert owner.read("/v1/submissions", limit=1)["items"] == before


def test_cancelling_a_batch(owner: Api) -> None:
    sleep = ONE | {"source": "import time; time.sleep(30)", "limits": {"wall_s": 60}}
    body = post(owner, *[sleep] * 6)
    answer = owner.post(f"/v1/batches/{body['id']}/cancel")
    assert answer.status_code == 202
    final = answer.json()
    assert list(final) == BATCH.split()
    assert (final["state"], final["done"], final["states"]["cancelled"]) == ("finished", 6, 6)
    problem(owner.post(f"/v1/batches/{body['id']}/cancel"), 409)
    assert owner.read(f"/v1/submissions/{body['submissions'][0]}")["state"] == "cancelled"


def test_a_digest_is_one_mail_for_each_address(system: Contract, owner: Api, email: str) -> None:
    other = f"o{email}"
    body = post(owner, ONE | {"email": email}, ONE | {"email": email}, ONE | {"email": other}, ONE, digest=True)
    assert body["digest"] is True
    finished(owner, body["id"])
    eventually_sync(lambda: mails(system, email) and mails(system, other))
    first, second, third, fourth = (owner.read(f"/v1/submissions/{one}/mails")["items"] for one in body["submissions"])
    assert [item["kind"] for item in first] == ["digest"]
    assert first == second
    assert third[0]["to"] == other
    assert fourth == []
    # Mails leave in their order, so one more of the batch would be before those of the next submission.
    post(owner, ONE | {"email": email}, ONE | {"email": other})
    eventually_sync(lambda: len(mails(system, email)) >= 2 and len(mails(system, other)) >= 2)
    assert (len(mails(system, email)), len(mails(system, other))) == (2, 2)


# Languages and limits.


def test_languages(owner: Api) -> None:
    page = owner.read("/v1/languages")
    assert page["next"] is None
    names = "code name aliases version source released variants extensions compiled compiler_args sample libraries"
    assert {"py", "c"} <= {item["code"] for item in page["items"]}
    for item in page["items"]:
        assert list(item) == [*names.split(), "unit_tests", "fault", "limits"]
        assert isinstance(item["compiled"], bool)
        assert item["version"] or item["code"] in ("dash", "bf")  # these have no command for it
        assert item["extensions"]
        assert all(extension.startswith(".") for extension in item["extensions"])
        assert all(list(variant) == ["code", "name", "version"] for variant in item["variants"])
        assert set(item["limits"]) == {"cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes"}
        assert item["compiled"] or not item["compiler_args"]
        for name in (item["code"], item["name"], *item["aliases"], item["code"].upper()):
            answer = owner.get("/v1/languages/" + name.replace("#", "%23").replace("+", "%2B").replace(" ", "%20"))
            assert answer.json() == item, name


def test_variants_are_languages(owner: Api) -> None:
    items = owner.read("/v1/languages")["items"]
    samples = {variant["code"]: item["sample"] for item in items for variant in item["variants"]}
    if not samples:
        pytest.skip("no language of this engine has variants")
    for code, sample in samples.items():
        assert owner.submit(language=code, source=sample)["verdict"] == "ok"


def test_limits(owner: Api) -> None:
    limits = owner.read("/v1/limits")
    names = "max_body_bytes max_source_bytes max_checker_bytes max_package_bytes max_problem_bytes max_problem_files"
    names += " max_problem_tests max_test_bytes max_stdin_bytes max_files max_tests max_unit_tests max_batch max_args"
    names += " max_args_bytes max_wait_s max_streams idempotency_s run_seconds limits"
    assert list(limits) == names.split()
    assert limits["idempotency_s"] >= 86400
    assert list(limits["limits"]) == ["cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes"]
    for bound in limits["limits"].values():
        assert list(bound) == ["default", "max"]
        assert 0 < bound["default"] <= bound["max"]
