"""POSTs with an Idempotency-Key."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from api_service.http.errors import ApiError, Kind
from api_service.requests import idempotency
from api_service.submissions.service import Submissions
from api_service.v1.routes import submissions
from shared.adapters.database.connection import Database
from shared.common.service.errors import DatabaseUnavailable
from shared.records.resources.kept_answers import forget_old
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Key
from tests.integration.rows import execute, fetch
from tests.waiting import eventually

PATH = "/v1/submissions"
BODY = {"language": "py", "source": "print(1)"}


@dataclass
class Pause:
    """Where a POST pauses until `go_on`: at the end of its `work`, before the commit, or before it is rendered."""

    where: str = ""
    reached: list[str] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def at(self, where: str) -> None:
        if where == self.where:
            self.reached.append(where)
            await self.go_on.wait()


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pause]:
    pause, add, shown = Pause(), Submissions.add, submissions._shown

    async def work(*args: Any, **how: Any) -> Any:
        stored = await add(*args, **how)
        await pause.at("work")
        return stored

    async def render(*args: Any) -> Any:
        await pause.at("render")
        return await shown(*args)

    monkeypatch.setattr(Submissions, "add", work)
    monkeypatch.setattr(submissions, "_shown", render)
    yield pause
    pause.go_on.set()


async def post(
    client: httpx.AsyncClient,
    key: str | bytes = "k",
    body: Mapping[str, object] = BODY,
    path: str = PATH,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    value = key if isinstance(key, bytes) else key.encode()
    fields = [(b"Idempotency-Key", value), *((name.encode(), one.encode()) for name, one in (headers or {}).items())]
    return await client.post(path, json=body, headers=fields)


async def works(database: Database) -> int:
    """Return how often work was done."""
    [row] = await fetch(database, "SELECT count(*) AS number FROM uploads")
    return int(str(row["number"]))


def assert_replayed(answer: httpx.Response, first: httpx.Response) -> None:
    assert answer.status_code == first.status_code == 201
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert answer.headers["Location"] == first.headers["Location"]
    assert answer.headers["Content-Type"] == first.headers["Content-Type"] == "application/json"
    assert answer.content == first.content


def assert_refused(answer: httpx.Response, kind: Kind) -> None:
    assert answer.status_code == kind.status
    assert answer.json()["type"] == f"{PUBLIC_URL}/problems#{kind.value}"
    if kind.status == 422:
        assert [error["parameter"] for error in answer.json()["errors"]] == ["Idempotency-Key"]


_SAME_KEYS = [
    ("k", '"k"'), ('"a\\"b\\\\c"', 'a"b\\c'), ("a b;c=d", '"a b;c=d"'), ("x" * 255, f'"{"x" * 255}"'), (" l ", "l"),
    ('"\\"a"', '"\\"a"')
]  # fmt: skip


async def test_quotes_make_no_difference(api: httpx.AsyncClient, database: Database) -> None:
    for key, same in _SAME_KEYS:
        first = await post(api, key)
        assert_replayed(await post(api, same), first)
    assert await works(database) == len(_SAME_KEYS)


_NO_KEYS: list[str | bytes] = [
    "", '""', "x" * 256, f'"{"x" * 256}"', "ä", "a\tb", '"a', '"a\\b"', '"a"b"', '"a" b', '"', b"\xff", b"a\x7f"
]  # fmt: skip


async def test_a_key_that_is_not_valid_is_refused(api: httpx.AsyncClient, database: Database) -> None:
    for key in _NO_KEYS:
        assert_refused(await post(api, key), Kind.INVALID)
    assert await works(database) == 0
    # Nor are two keys at once.
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    assert_refused(await api.post(PATH, json=BODY, headers=headers), Kind.INVALID)


async def test_only_what_was_parsed_counts_as_content(api: httpx.AsyncClient, database: Database) -> None:
    metadata, tests = {"b": "1", "a": "2"}, [{"name": "1", "points": 2}]
    first = await post(api, body={**BODY, "metadata": metadata, "tests": tests})
    same = b' {"metadata": {"a": "2", "b": "1"}, "tests": [{"points": 2, "name": "1"}], "args" : null,\n'
    same += b'"source": "\\u0070rint(1)", "language": "py"}'
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json; charset=utf-8", "Prefer": "wait=5"}
    assert_replayed(await api.post(PATH, content=same, headers=headers), first)
    for other in (BODY, {**BODY, "tests": tests}, {**BODY, "metadata": metadata, "tests": [{}]}):
        assert_refused(await post(api, body=other), Kind.KEY_REUSED)
    assert await works(database) == 1


async def test_an_invalid_body_is_refused_as_such(api: httpx.AsyncClient) -> None:
    await post(api)
    answer = await post(api, body={**BODY, "odd": 1})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/odd"]


async def test_owners_and_paths_have_keys_of_their_own(api_with: ApiWith, alice: Key, mallory: Key) -> None:
    async with api_with(key_budget=2) as api:
        first = await post(api, headers=alice.headers)
        assert first.status_code == 201
        other = await post(api, headers=mallory.headers)
        assert "Idempotent-Replayed" not in other.headers
        assert other.json()["id"] != first.json()["id"]
        run = await post(api, headers=alice.headers, body={}, path=f"{PATH}/{first.json()['id']}/runs")
        assert (run.status_code, "Idempotent-Replayed" in run.headers) == (409, False)
        assert_replayed(await post(api, headers=alice.headers, path=f"{PATH}/"), first)
        # A replay takes nothing from a budget, and reports none.
        assert "RateLimit" in first.headers
        assert "RateLimit" not in (await post(api, headers=alice.headers)).headers
        assert (await post(api, "other", headers=alice.headers)).status_code == 201
        assert (await post(api, "third", headers=alice.headers)).status_code == 429
        assert_replayed(await post(api, headers=alice.headers), first)


async def test_errors_are_not_kept(api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ApiError(Kind.UNDER_WAY, "It failed, as it should.")

    with monkeypatch.context() as patched:
        patched.setattr(Submissions, "add", fail)
        assert_refused(await post(api), Kind.UNDER_WAY)
    assert await works(database) == 0
    first = await post(api, body={**BODY, "stdin": "1"})
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers


@pytest.mark.parametrize("where", ["work", "render"])
async def test_while_the_first_is_under_way_others_are_refused(
    api: httpx.AsyncClient, database: Database, pause: Pause, where: str
) -> None:
    pause.where = where
    first = asyncio.create_task(post(api))
    await eventually(lambda: pause.reached == [where], what="the first request is under way")
    again = await post(api)
    assert_refused(again, Kind.REQUEST_UNDER_WAY)
    assert int(again.headers["Retry-After"]) >= 1
    assert_refused(await post(api, body={**BODY, "stdin": "1"}), Kind.KEY_REUSED)
    pause.go_on.set()
    answer = await first
    assert_replayed(await post(api), answer)
    assert await works(database) == 1


async def test_an_old_claim_is_taken_over_and_its_work_undone(
    api: httpx.AsyncClient, database: Database, pause: Pause
) -> None:
    """A request that takes longer than a minute loses its claim. What it did is rolled back."""
    pause.where = "work"
    first = asyncio.create_task(post(api))
    await eventually(lambda: pause.reached == ["work"], what="the first request is under way")
    await execute(database, "UPDATE idempotency_keys SET claimed_at = claimed_at - interval '59 s'")
    assert_refused(await post(api), Kind.REQUEST_UNDER_WAY)
    await execute(database, "UPDATE idempotency_keys SET claimed_at = claimed_at - interval '2 s'")
    second = asyncio.create_task(post(api))
    await eventually(lambda: pause.reached == ["work", "work"], what="the second request is under way")
    pause.go_on.set()
    answers = [await first, await second]
    assert_refused(answers[0], Kind.REQUEST_UNDER_WAY)
    assert answers[1].status_code == 201
    assert await works(database) == 1
    assert_replayed(await post(api), answers[1])


async def test_an_answer_that_was_not_stored_is_made_again(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died, or the database was unavailable, between the work and the answer."""
    first = await post(api)
    await execute(database, "UPDATE idempotency_keys SET body = NULL")
    assert_refused(await post(api), Kind.REQUEST_UNDER_WAY)
    await execute(database, "UPDATE idempotency_keys SET claimed_at = claimed_at - interval '6 s'")
    again = await post(api)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await post(api)).content == again.content
    assert await works(database) == 1


async def test_an_answer_is_sent_even_if_it_cannot_be_stored(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = idempotency.Once._run

    async def failing(self: Any, sql: str, **values: object) -> Any:
        if sql is idempotency._STORE:
            raise DatabaseUnavailable("it is down")
        return await run(self, sql, **values)

    monkeypatch.setattr(idempotency.Once, "_run", failing)
    assert (await post(api)).status_code == 201


async def test_keys_are_kept_for_their_time_only(api: httpx.AsyncClient, database: Database) -> None:
    first = await post(api)
    await execute(database, "UPDATE idempotency_keys SET created_at = now() - interval '86390 s'")
    assert_replayed(await post(api), first)
    await execute(database, "UPDATE idempotency_keys SET created_at = now() - interval '86401 s'")
    later = await post(api, body={**BODY, "stdin": "1"})
    assert later.status_code == 201
    assert later.json()["id"] != first.json()["id"]
    await execute(database, "UPDATE idempotency_keys SET created_at = now() - interval '86401 s'")
    await post(api, "another")
    async with database.transaction() as connection:
        await forget_old(connection)
    assert [row["key"] for row in await fetch(database, "SELECT key FROM idempotency_keys")] == ["another"]
