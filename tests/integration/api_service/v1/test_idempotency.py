"""POSTs with an Idempotency-Key."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from api_service.http.problems import Kind
from api_service.v1.protocol import idempotency
from shared.accounts.api_keys import Scope
from shared.database.connection import Database
from shared.resources.kept_answers import forget_old
from shared.service.errors import DatabaseUnavailable
from tests.integration.api_service.v1 import trial
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Reach, key_of
from tests.integration.rows import execute, fetch
from tests.waiting import eventually

pytestmark = pytest.mark.integration

TRIAL = trial.PATH
ORDER = {"text": "a"}


@pytest.fixture(autouse=True)
def go_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Event]:
    """Yield the event that a paused trial waits for."""
    event = asyncio.Event()
    monkeypatch.setattr(trial, "go_on", event)
    trial.reached.clear()
    yield event
    event.set()


async def post(
    client: httpx.AsyncClient,
    key: str | bytes = "k",
    order: Mapping[str, object] = ORDER,
    path: str = TRIAL,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    value = key if isinstance(key, bytes) else key.encode()
    fields = [(b"Idempotency-Key", value), *((name.encode(), one.encode()) for name, one in (headers or {}).items())]
    return await client.post(path, json=order, headers=fields)


async def works(database: Database) -> int:
    """Return how often work was done."""
    [row] = await fetch(database, "SELECT count(*) AS number FROM deleted_uploads")
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


@pytest.mark.parametrize(
    ("key", "same"),
    [("k", '"k"'), ('"a\\"b\\\\c"', 'a"b\\c'), ("a b;c=d", '"a b;c=d"'), ("x" * 255, f'"{"x" * 255}"'), (" k ", "k"),
     ('"\\"a"', '"\\"a"')],
)  # fmt: skip
async def test_quotes_make_no_difference(trials: httpx.AsyncClient, database: Database, key: str, same: str) -> None:
    first = await post(trials, key)
    assert_replayed(await post(trials, same), first)
    assert await works(database) == 1


@pytest.mark.parametrize(
    "key",
    ["", '""', "x" * 256, f'"{"x" * 256}"', "ä", "a\tb", '"a', '"a\\b"', '"a"b"', '"a" b', '"', b"\xff", b"a\x7f"],
)
async def test_a_key_that_is_not_valid_is_refused(
    trials: httpx.AsyncClient, database: Database, key: str | bytes
) -> None:
    assert_refused(await post(trials, key), Kind.INVALID)
    assert await works(database) == 0


async def test_two_keys_at_once_are_refused(trials: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    assert_refused(await trials.post(TRIAL, json=ORDER, headers=headers), Kind.INVALID)


async def test_only_what_was_parsed_counts_as_content(trials: httpx.AsyncClient, database: Database) -> None:
    labels = {"b": "1", "a": "2"}
    first = await post(trials, order={"text": "a", "count": 1, "tests": [{"name": "1", "points": 2}], "labels": labels})
    same = b' {"labels": {"a": "2", "b": "1"}, "tests": [{"points": 2.0}], "is_urgent" : null,\n"text": "\\u0061"}'
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json; charset=utf-8", "Prefer": "wait=5"}
    assert_replayed(await trials.post(TRIAL, content=same, headers=headers), first)
    for other in ({"text": "b"}, {"text": "a", "count": 2}, {"text": "a", "tests": []}):
        assert_refused(await post(trials, order=other), Kind.KEY_REUSED)
    assert await works(database) == 1


async def test_an_invalid_body_is_refused_as_such(trials: httpx.AsyncClient) -> None:
    await post(trials)
    answer = await post(trials, order={})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/text"]


async def test_owners_and_paths_have_keys_of_their_own(reach: Reach, database: Database) -> None:
    one, two = await key_of(database, Scope.SUBMIT), await key_of(database, Scope.SUBMIT)
    async with reach() as api:
        first = await post(api, headers=one)
        assert first.status_code == 201
        other = await post(api, headers=two)
        assert "Idempotent-Replayed" not in other.headers
        assert other.json()["made"] != first.json()["made"]
        assert_replayed(await post(api, headers=one, path=f"{TRIAL}/"), first)
        # A replay takes nothing from a budget, and reports none.
        assert "RateLimit" in first.headers
        assert "RateLimit" not in (await post(api, headers=one)).headers
        assert (await post(api, "other", headers=one)).status_code == 201
        assert (await post(api, "third", headers=one)).status_code == 429
        assert_replayed(await post(api, headers=one), first)


async def test_errors_are_not_kept(trials: httpx.AsyncClient, database: Database) -> None:
    assert_refused(await post(trials, order={"text": "fail"}), Kind.UNDER_WAY)
    assert await works(database) == 0
    first = await post(trials, order={"text": "fine"})
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers


@pytest.mark.parametrize("where", ["work", "render"])
async def test_while_the_first_is_under_way_others_are_refused(
    trials: httpx.AsyncClient, database: Database, go_on: asyncio.Event, where: str
) -> None:
    order = {"text": f"pause in {where}"}
    first = asyncio.create_task(post(trials, order=order))
    await eventually(lambda: trial.reached == [where], what="the first request is under way")
    again = await post(trials, order=order)
    assert_refused(again, Kind.REQUEST_UNDER_WAY)
    assert int(again.headers["Retry-After"]) >= 1
    assert_refused(await post(trials, order={"text": "other"}), Kind.KEY_REUSED)
    go_on.set()
    answer = await first
    assert_replayed(await post(trials, order=order), answer)
    assert await works(database) == 1


async def test_an_old_claim_is_taken_over_and_its_work_undone(
    trials: httpx.AsyncClient, database: Database, go_on: asyncio.Event
) -> None:
    """A request that takes longer than a minute loses its claim. What it did is rolled back."""
    order = {"text": "pause in work"}
    first = asyncio.create_task(post(trials, order=order))
    await eventually(lambda: trial.reached == ["work"], what="the first request is under way")
    await execute(database, "UPDATE idempotency_keys SET claimed_at = claimed_at - interval '59 s'")
    assert_refused(await post(trials, order=order), Kind.REQUEST_UNDER_WAY)
    await execute(database, "UPDATE idempotency_keys SET claimed_at = claimed_at - interval '2 s'")
    second = asyncio.create_task(post(trials, order=order))
    await eventually(lambda: trial.reached == ["work", "work"], what="the second request is under way")
    go_on.set()
    answers = [await first, await second]
    assert_refused(answers[0], Kind.REQUEST_UNDER_WAY)
    assert answers[1].status_code == 201
    assert await works(database) == 1
    assert_replayed(await post(trials, order=order), answers[1])


async def test_an_answer_that_was_not_stored_is_made_again(
    trials: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died, or the database was unavailable, between the work and the answer."""
    first = await post(trials)
    await execute(database, "UPDATE idempotency_keys SET body = NULL")
    assert_refused(await post(trials), Kind.REQUEST_UNDER_WAY)
    await execute(database, "UPDATE idempotency_keys SET claimed_at = claimed_at - interval '6 s'")
    again = await post(trials)
    assert again.json()["made"] == first.json()["made"]
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await post(trials)).content == again.content
    assert await works(database) == 1


async def test_an_answer_is_sent_even_if_it_cannot_be_stored(
    trials: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = idempotency._Claim.run

    async def failing(self: Any, sql: str, **values: object) -> Any:
        if sql is idempotency._STORE:
            raise DatabaseUnavailable("it is down")
        return await run(self, sql, **values)

    monkeypatch.setattr(idempotency._Claim, "run", failing)
    assert (await post(trials)).status_code == 201


async def test_keys_are_kept_for_their_time_only(trials: httpx.AsyncClient, database: Database) -> None:
    first = await post(trials)
    await execute(database, "UPDATE idempotency_keys SET created_at = now() - interval '86390 s'")
    assert_replayed(await post(trials), first)
    await execute(database, "UPDATE idempotency_keys SET created_at = now() - interval '86401 s'")
    later = await post(trials, order={"text": "other"})
    assert later.status_code == 201
    assert later.json()["made"] != first.json()["made"]
    await execute(database, "UPDATE idempotency_keys SET created_at = now() - interval '86401 s'")
    await post(trials, "another")
    async with database.transaction() as connection:
        await forget_old(connection)
    assert [row["key"] for row in await fetch(database, "SELECT key FROM idempotency_keys")] == ["another"]
