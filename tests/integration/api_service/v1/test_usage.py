"""The budgets of a key, by the names that the RateLimit header fields have."""

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shared.adapters.database.connection import Database
from shared.records.accounts import cell_rate
from shared.records.accounts.api_keys import Scope
from shared.records.accounts.cell_rate import Charge, run_seconds
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.conftest import submit
from tests.integration.api_service.v1.conftest import Key
from tests.integration.rows import bearer, make_key


async def usage(api: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, dict[str, Any]]:
    answer = await api.get("/v1/usage", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["next"] is None
    return {one["name"]: one for one in answer.json()["items"]}


async def test_the_use_of_a_key_counts_for_it_alone(
    api: httpx.AsyncClient, database: Database, alice: Key, mallory: Key
) -> None:
    key = alice.headers["Authorization"].removeprefix("Bearer ")
    for number in (5, 6):
        assert (await submit(api, key, id=number)).status_code == 200
    assert (await api.get("/check_email/?id=5", headers=alice.headers)).status_code == 200
    found = await usage(api, alice.headers)
    assert {name: one["used"] for name, one in found.items() if name != "bytes"} == {
        "submissions": 2, "runs": 1, "run_seconds": 0, "mails": 1,
    }  # fmt: skip
    for one in found.values():
        assert list(one) == ["name", "limit", "used", "remaining", "window_s", "resets_at"]
        assert one["remaining"] == one["limit"] - one["used"]
        resets_at = one["resets_at"] and datetime.fromisoformat(one["resets_at"])
        assert resets_at is None or timedelta(0) < resets_at - datetime.now(UTC) <= timedelta(hours=1)
        assert (one["resets_at"] is None) == (one["used"] == 0)
    assert {one["used"] for one in (await usage(api, mallory.headers)).values()} == {0}
    # What programs have used is charged afterwards, so it may be more than the limit. A part comes back each second.
    charged_at = time.monotonic()
    async with owner_of(database).transaction() as connection:
        limit = found["run_seconds"]["limit"]
        await cell_rate.charge(connection, [Charge(run_seconds(alice.id), limit, 2 * limit)])
    overdrawn = (await usage(api, alice.headers))["run_seconds"]
    come_back = math.ceil((time.monotonic() - charged_at) * limit / overdrawn["window_s"])
    assert 2 * limit - come_back <= overdrawn["used"] <= 2 * limit
    assert overdrawn["remaining"] == 0


async def test_mails_are_those_to_the_address_mailed_most(
    api: httpx.AsyncClient, database: Database, alice: Key
) -> None:
    async with owner_of(database).transaction() as connection:
        for subject, amount in (
            (f"share:{alice.id}:a@b.c", 1),
            (f"share:{alice.id}:d@e.f", 2),
            (f"share:{alice.id}0:a@b.c", 3),
        ):
            await cell_rate.charge(connection, [Charge(subject, 4, amount)])
    mails = (await usage(api, alice.headers))["mails"]
    assert mails["used"] == 1  # two of four an hour are one of two


async def test_an_operator_s_key_has_no_budgets(api: httpx.AsyncClient, database: Database) -> None:
    assert await usage(api, {}) == {}
    assert await usage(api, bearer(await make_key(database, Scope.ADMIN))) == {}
