"""The rights of each kind of client, seen from the attacker's side."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from api_service.access import authenticator
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import Scope
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.conftest import KEY_BUDGET, OPERATOR, ApiWith, submit
from tests.integration.rows import bearer, execute, fetch, make_key

pytestmark = pytest.mark.security


CALLS = [("POST", "/submit_email/"), ("GET", "/check_email/?id=1"), ("GET", "/check_user/?email=a@example.com")]


async def test_with_keys_no_call_works_without_one(api_with: ApiWith) -> None:
    no_keys = [
        {}, bearer("wrong"), bearer(""), {"Authorization": "Basic " + OPERATOR}, {"Authorization": OPERATOR},
        bearer(OPERATOR[:-1]), bearer(OPERATOR + " x"), {"X-Api-Key": OPERATOR},
    ]  # fmt: skip
    async with api_with(operator_keys=(OPERATOR,)) as client:
        for call, headers in itertools.product(CALLS, no_keys):
            answer = await client.request(*call, headers=headers)
            assert answer.status_code == 401, (call, headers)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("peer", ["192.0.2.7", "::ffff:192.0.2.7"])
async def test_without_keys_only_this_machine_itself_is_served(api_with: ApiWith, peer: str) -> None:
    async with api_with(peer=peer) as client:
        for method, path in CALLS:
            answer = await client.request(method, path)
            assert answer.status_code == 403
            assert "precieux keys create" in answer.json()["detail"]


async def test_a_scope_is_needed_for_each_call(api_with: ApiWith, database: Database) -> None:
    submitter, reader = await make_key(database, Scope.SUBMIT), await make_key(database, Scope.READ)
    async with api_with() as client:
        assert (await submit(client, submitter, id=5)).status_code == 200
        refused = await submit(client, reader)
        assert refused.status_code == 403
        assert "precieux keys create NAME --scope submit" in refused.json()["detail"]
        assert (await client.get("/check_email/?id=5", headers=bearer(reader))).status_code == 403
        for key, status in ((submitter, 403), (reader, 200)):
            assert (await client.get("/check_user/?email=a@example.com", headers=bearer(key))).status_code == status


async def test_a_key_sees_and_runs_only_what_it_submitted(api_with: ApiWith, database: Database) -> None:
    first, second = [await make_key(database, Scope.SUBMIT, Scope.READ) for _ in range(2)]
    admin = await make_key(database, Scope.ADMIN)
    async with api_with() as client:
        assert (await submit(client, first, id=5)).status_code == 200
        # As for an unknown id: a stranger cannot even learn that it exists.
        stranger = await client.get("/check_email/?id=5", headers=bearer(second))
        nothing = await client.get("/check_email/?id=6", headers=bearer(second))
        assert (stranger.status_code, stranger.content) == (nothing.status_code, nothing.content)
        for key, ids in ((first, [5]), (second, []), (admin, [5])):
            answer = await client.get("/check_user/?email=a@example.com", headers=bearer(key))
            assert [row["id"] for row in answer.json()["result"]] == ids
        assert (await client.get("/check_email/?id=5", headers=bearer(admin))).status_code == 200


async def test_a_revoked_key_opens_nothing(
    api_with: ApiWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "CACHE_SECONDS", -1)
    """The last one neither: that does not make the API open again."""
    key = await make_key(database, Scope.READ)
    async with api_with() as client:
        assert (await client.get("/check_user/?email=a@example.com", headers=bearer(key))).status_code == 200
        async with owner_of(database).transaction() as connection:
            assert await api_keys.revoke(connection, 1)
            assert not await api_keys.revoke(connection, 1)
        for headers in (bearer(key), {}):
            assert (await client.get("/check_user/?email=a@example.com", headers=headers)).status_code == 401


async def test_a_key_works_until_its_end(
    api_with: ApiWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "CACHE_SECONDS", -1)
    now = datetime.now(UTC)
    async with owner_of(database).transaction() as connection:
        number, key = await api_keys.create(connection, "class", [Scope.READ], until=now + timedelta(hours=1))
        assert [each.is_valid for each in await api_keys.listed(connection)] == [True]
        assert await api_keys.revoked(connection, [number]) == []
    async with api_with() as client:
        assert (await client.get("/check_user/?email=a@example.com", headers=bearer(key))).status_code == 200
        await execute(database, "UPDATE api_keys SET revoked_at = now() - interval '1 second'")
        assert (await client.get("/check_user/?email=a@example.com", headers=bearer(key))).status_code == 401
    async with owner_of(database).transaction() as connection:
        assert [each.is_valid for each in await api_keys.listed(connection)] == [False]
        assert await api_keys.revoked(connection, [number]) == [number]
        assert not await api_keys.revoke(connection, number)


async def test_a_flood_of_wrong_keys_does_not_evict_keys_in_use(
    api_with: ApiWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "_CACHED_KEYS", 4)
    monkeypatch.setattr(authenticator, "CACHE_SECONDS", 3600)
    key = await make_key(database, Scope.READ)
    looked: list[str] = []
    find = api_keys.find

    async def counted(connection: Connection, sha256: str) -> api_keys.ApiKey | None:
        looked.append(sha256)
        return await find(connection, sha256)

    monkeypatch.setattr(api_keys, "find", counted)
    async with api_with() as client:
        for number in range(10):
            assert (await client.get("/check_user/?email=a@example.com", headers=bearer(key))).status_code == 200
            assert (
                await client.get("/check_user/?email=a@example.com", headers=bearer(f"x{number}"))
            ).status_code == 401
    assert looked.count(api_keys.digest(key)) == 1


async def test_a_key_is_not_kept_where_it_could_be_read(database: Database) -> None:
    key = await make_key(database, Scope.READ)
    [row] = await fetch(database, "SELECT * FROM api_keys")
    assert key not in str(row)
    assert row["sha256"] == api_keys.digest(key)


async def test_a_keys_budget_ends_in_429_and_comes_back(api_with: ApiWith, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT)
    async with api_with() as client:
        answers = await asyncio.gather(*(submit(client, key) for _ in range(KEY_BUDGET + 3)))
        assert sorted(answer.status_code for answer in answers) == [200] * KEY_BUDGET + [429] * 3
        refused = await submit(client, key)
        assert 0 < int(refused.headers["Retry-After"]) <= 3600 / KEY_BUDGET
        assert len(await fetch(database, "SELECT id FROM uploads")) == KEY_BUDGET
        await execute(database, "UPDATE budgets SET used_until = used_until - interval '3600 seconds' / 5")
        assert (await submit(client, key)).status_code == 200
        assert (await submit(client, key)).status_code == 429


async def test_only_the_mails_own_link_stops_the_mails(
    api_with: ApiWith, database: Database, signer: LinkSigner
) -> None:
    link = signer.unsubscribe_link("a+<b>@example.com")
    async with api_with(operator_keys=(OPERATOR,), peer="192.0.2.7") as client:
        page = await client.get(link)
        assert page.status_code == 200
        assert "a+&lt;b&gt;@example.com" in page.text
        assert await fetch(database, "SELECT * FROM suppressions") == []
        for forged in (link[:-1] + ("A" if link[-1] != "A" else "B"), link.replace("example", "exampl2")):
            assert (await client.post(forged)).status_code == 403
        one_click = await client.post(link, data={"List-Unsubscribe": "One-Click"})
        assert one_click.status_code == 200
        assert (await client.post(link)).status_code == 200
    # It holds for all spellings of the address.
    stored = {"email": "a+<b>@example.com", "canonical": "a@example.com"}
    assert await fetch(database, "SELECT email, canonical FROM suppressions") == [stored]
