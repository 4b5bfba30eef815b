"""The shares of one key, one mailbox and one domain, however a client spells addresses and spreads requests."""

import asyncio
from typing import Any

import httpx
import pytest

from api_service.access.recipients import Recipients
from api_service.submissions import rows
from shared.adapters.database.connection import Database
from shared.records.accounts import api_keys, cell_rate
from shared.records.accounts.api_keys import Scope
from shared.records.accounts.cell_rate import Charge
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.conftest import OPERATOR, ApiWith, submit
from tests.integration.rows import bearer, execute, fetch, make_key
from tests.waiting import eventually

pytestmark = pytest.mark.security

MANY = 10**6


async def ask(client: httpx.AsyncClient, key: str, number: int) -> httpx.Response:
    return await client.get(f"/check_email/?id={number}", headers=bearer(key))


async def submit_and_ask(client: httpx.AsyncClient, key: str, number: int, email: str) -> httpx.Response:
    assert (await submit(client, key, email=email, id=number)).status_code == 200
    return await ask(client, key, number)


async def test_a_domain_has_a_budget_for_all_its_mailboxes(api_with: ApiWith, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT)
    async with api_with(key_budget=MANY, domain_budget=3) as client:
        answers = [await submit_and_ask(client, key, number, f"u{number}@example.com") for number in range(1, 5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert (await submit_and_ask(client, key, 5, "u1@example.org")).status_code == 200


async def test_a_use_that_is_larger_than_a_budget_is_refused_for_good(api_with: ApiWith, database: Database) -> None:
    """No wait helps, so the answer is 422 without `Retry-After`, even while nothing of the budget is in use."""
    key = await make_key(database, Scope.SUBMIT)
    async with api_with(key_budget=8, key_bytes=1000, recipient_budget=12, domain_budget=9) as client:

        async def posted(count: int, *, digest: bool = False, **keys: object) -> tuple[int, str]:
            batch = {"submissions": [{"language": "py", "source": "1", **keys}] * count, "digest": digest}
            answer = await client.post("/v1/batches", json=batch, headers=bearer(key))
            assert "Retry-After" not in answer.headers
            return answer.status_code, answer.json().get("detail", "")

        refused = await submit(client, key, inputs="x" * 2000)
        assert (refused.status_code, "Retry-After" in refused.headers) == (422, False)
        assert "needs 2008, which is more than the 1000 of an hour" in refused.text
        assert await posted(9) == (
            422,
            "This key's submissions: this request needs 9, which is more than the 8 of an hour; divide it.",
        )
        # Half of a mailbox's budget is one key's share.
        status, detail = await posted(4, email="a@example.com", receipt=True)
        assert (status, "Mails of this key to this address: this request needs 8" in detail) == (422, True)
        assert (await posted(7, email="a@example.com"))[0] == 422
        assert await fetch(database, "SELECT subject FROM budgets") == []
        assert await fetch(database, "SELECT id FROM uploads") == []
        assert (await posted(7, email="a@example.com", digest=True))[0] == 201


async def test_spellings_that_share_a_digest_are_charged_once(api_with: ApiWith, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT)
    spellings = ["a@example.com", "A@Example.com", "a+1@example.com"]
    async with api_with(recipient_budget=100) as client:
        programs = [{"language": "py", "source": "1", "email": email} for email in spellings]
        batch = {"submissions": programs, "digest": True}
        assert (await client.post("/v1/batches", json=batch, headers=bearer(key))).status_code == 201
    [used] = await fetch(
        database,
        "SELECT extract(epoch FROM used_until - now()) / 36 AS mails FROM budgets WHERE subject LIKE 'recipient:%'",
    )
    assert round(float(str(used["mails"]))) == 2


async def test_a_key_whose_programs_ran_too_long_waits(api_with: ApiWith, database: Database) -> None:
    key, other = [await make_key(database, Scope.SUBMIT) for _ in range(2)]
    async with api_with(key_budget=MANY, key_cpu_seconds=100) as client:
        assert (await submit(client, key, id=1)).status_code == 200
        async with database.transaction() as connection:
            await cell_rate.charge(connection, [Charge(cell_rate.run_seconds(1), 100, 110)])
        for answer in (await submit(client, key), await ask(client, key, 1)):
            assert answer.status_code == 429
            assert 350 <= int(answer.headers["Retry-After"]) <= 360
        assert (await submit(client, other)).status_code == 200
        await execute(database, "UPDATE budgets SET used_until = used_until - interval '361 seconds'")
        assert (await submit(client, key)).status_code == 200
        assert (await ask(client, key, 1)).status_code == 200


@pytest.mark.parametrize("refused", ["key_budget", "key_bytes"])
async def test_a_refusal_of_one_budget_charges_no_other(api_with: ApiWith, database: Database, refused: str) -> None:
    key = await make_key(database, Scope.SUBMIT)
    limits = {"key_budget": 2, "key_bytes": 20} if refused == "key_budget" else {"key_budget": 3, "key_bytes": 16}
    async with api_with(**limits) as client:
        codes = [(await submit(client, key)).status_code for _ in range(4)]
        assert codes == [200, 200, 429, 429]
        used = await fetch(database, "SELECT subject, extract(epoch FROM used_until - now()) AS s FROM budgets")
        shares = {str(row["subject"]).partition(":")[0]: float(str(row["s"])) / 3600 for row in used}
        assert shares["key"] == pytest.approx(2 / limits["key_budget"], abs=0.02)
        assert shares["bytes"] == pytest.approx(16 / limits["key_bytes"], abs=0.02)


ALLOWED = Recipients(["example.edu", "*.example.edu", "One.Person@gmail.com"])


async def test_only_the_named_recipients_are_mailed(api_with: ApiWith, database: Database) -> None:
    allowed = ("a@example.edu", "a@EXAMPLE.edu", "a@cs.example.edu", "a@x.cs.example.edu", "oneperson+x@googlemail.com")
    refused = ("a@example.com", "a@notexample.edu", "a@example.edu.example.com", "another@gmail.com")
    async with api_with(operator_keys=(OPERATOR,), recipients=ALLOWED) as client:
        for email in allowed:
            assert (await submit(client, OPERATOR, email=email)).status_code == 200, email
        for email in refused:
            answer = await submit(client, OPERATOR, email=email)
            assert (answer.status_code, "ask the operator to allow yours" in answer.json()["detail"]) == (422, True)
    assert len(await fetch(database, "SELECT id FROM uploads")) == len(allowed)


async def test_a_submission_from_before_the_list_is_not_run(api_with: ApiWith, database: Database) -> None:
    async with api_with(operator_keys=(OPERATOR,)) as client:
        await submit(client, OPERATOR, email="a@example.com", id=1)
    async with api_with(operator_keys=(OPERATOR,), recipients=ALLOWED) as client:
        assert (await ask(client, OPERATOR, 1)).status_code == 422
    assert await fetch(database, "SELECT id FROM outbox") == []
    assert [row["request_id"] for row in await fetch(database, "SELECT request_id FROM uploads")] == [None]


async def test_a_key_may_be_limited_to_recipients(api_with: ApiWith, database: Database) -> None:
    async with owner_of(database).transaction() as connection:
        _, key = await api_keys.create(connection, "course", [Scope.SUBMIT], ["example.edu"])
    async with api_with() as client:
        assert (await submit(client, key, email="a@example.edu")).status_code == 200
        refused = await submit(client, key, email="a@example.com")
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("This API key")
        assert refused.json()["detail"].endswith("or use another key.")


async def test_an_admin_has_no_budget_but_a_list_of_recipients(api_with: ApiWith, database: Database) -> None:
    admin = await make_key(database, Scope.ADMIN)
    async with api_with(key_budget=1, recipient_budget=1, domain_budget=1, key_bytes=1, recipients=ALLOWED) as client:
        for number in range(1, 4):
            assert (await submit_and_ask(client, admin, number, "a@example.edu")).status_code == 200
        assert (await submit(client, admin, email="a@example.com")).status_code == 422
    assert await fetch(database, "SELECT subject FROM budgets") == []


async def test_a_greedy_key_leaves_the_database_to_others(api_with: ApiWith, database: Database) -> None:
    greedy, honest = [await make_key(database, Scope.SUBMIT, Scope.READ) for _ in range(2)]
    async with api_with(key_budget=MANY) as client:
        assert (await submit(client, greedy, id=1)).status_code == 200
        async with owner_of(database).transaction() as connection:
            # Every submission of the key waits for this row.
            await connection.execute("SELECT FROM budgets WHERE subject = 'key:1' FOR UPDATE")
            crowd = [asyncio.create_task(submit(client, greedy)) for _ in range(50)]
            await eventually(lambda: database.connections()["busy"] == 2)
            async with asyncio.timeout(30):
                assert (await submit(client, honest)).status_code == 200
                assert (await client.get("/check_user/?email=a@example.com", headers=bearer(greedy))).is_success
            assert database.connections()["busy"] == 2
        assert {answer.status_code for answer in await asyncio.gather(*crowd)} == {200}


async def test_chosen_ids_cost_the_next_id_no_statements(
    api_with: ApiWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await make_key(database, Scope.SUBMIT)
    statements = []
    insert = rows.insert_all

    async def counted(*values: Any, **keywords: Any) -> dict[str, rows.Stored]:
        statements.append(values)
        return await insert(*values, **keywords)

    monkeypatch.setattr(rows, "insert_all", counted)
    await execute(database, "INSERT INTO uploads (id) SELECT generate_series(1, 2000)")
    async with api_with(key_budget=MANY) as client:
        for number in (2001, 2002):
            assert (await submit(client, key)).json().endswith(f": {number}")
    assert len(statements) == 2


async def test_an_id_takes_no_more_tries_than_it_needs(database: Database) -> None:
    [plan] = await fetch(database, f"EXPLAIN (ANALYZE, FORMAT JSON) {rows._NEXT}")
    # A function in FROM makes all its rows before the first is used.
    assert '"ProjectSet"' in str(plan["QUERY PLAN"])
    assert '"Function Scan"' not in str(plan["QUERY PLAN"])


@pytest.mark.parametrize("bounds", [{"max_backlog": 30}, {"key_backlog_bytes": 40}], ids=["requests", "bytes"])
async def test_a_key_has_a_limit_of_waiting_work_and_others_go_on(
    api_with: ApiWith, database: Database, bounds: dict[str, Any]
) -> None:
    greedy, honest = [await make_key(database, Scope.SUBMIT) for _ in range(2)]
    async with api_with(key_budget=MANY, recipient_budget=MANY, **bounds) as client:
        answers = [await submit_and_ask(client, greedy, number, f"a{number}@example.com") for number in range(1, 8)]
        statuses = [answer.status_code for answer in answers]
        assert statuses == [200] * statuses.count(200) + [429] * statuses.count(429)
        assert 1 <= statuses.count(200) <= 6
        assert (int(answers[-1].headers["Retry-After"]), "waiting" in answers[-1].text) == (10, True)
        assert (await submit_and_ask(client, honest, 8, "b@example.com")).status_code == 200
        await execute(database, "UPDATE uploads SET request_id = NULL")
        assert (await ask(client, greedy, 7)).status_code == 200
