"""Accounts: whatever a client mixes, no use passes the bound of an account.

The steps are random, from seeds, and many of them are sent at once. The sums are taken from what was stored.
"""

import asyncio
import random
import time
from collections import Counter
from typing import Any, Final

import httpx
import pytest

from shared.adapters.database.connection import Database
from shared.common.text.email_addresses import canonical, domain_of
from shared.records.accounts.api_keys import Scope
from tests.integration.api_service.conftest import ApiWith
from tests.integration.rows import bearer, execute, fetch, make_key

pytestmark = [pytest.mark.security, pytest.mark.usefixtures("offered")]

_MANY: Final = 10**6
_ADDRESSES: Final = [
    "a@example.com", "A@Example.com", "a+x@example.com", "v.ictim@gmail.com", "victim@googlemail.com", "b@example.org"
]  # fmt: skip
#: The bounds of each account, small enough that the steps meet them. The others are out of reach. The first two are
#: tried in the quick run.
_ACCOUNTS: Final[dict[str, dict[str, int]]] = {
    "mails": {"recipient_budget": 12, "domain_budget": 17},
    "waiting bytes": {"key_backlog_bytes": 9_000},
    "submissions and runs": {"key_budget": 23},
    "bytes": {"key_bytes": 6_000},
    "waiting requests": {"max_backlog": 90},
}


class _Client:
    """Does random steps with some keys."""

    def __init__(self, client: httpx.AsyncClient, keys: list[str], chance: random.Random, database: Database) -> None:
        self._client, self._keys, self._chance, self._database = client, keys, chance, database
        self.statuses: set[int] = set()

    async def some(self) -> None:
        """Do a few steps at once."""
        steps = [self._v1, self._v1, self._batch, self._batch, self._classic, self._judge0, self._again]
        await asyncio.gather(*(self._chance.choice(steps)() for _ in range(self._chance.choice([1, 4]))))
        if self._chance.random() < 0.4:
            await self._end_some()

    async def _end_some(self) -> None:
        """End some requests, as the runner does."""
        await execute(
            self._database,
            "UPDATE uploads SET request_id = NULL, outcome = 'finished', verdict = 'ok'"
            " WHERE request_id IS NOT NULL AND random() < 0.5",
        )

    def _program(self, **more: Any) -> dict[str, Any]:
        chance = self._chance
        text = "".join(chance.choices("abcdefghijklmnop\n", k=chance.choice([1, 50, 900])))
        kinds: list[dict[str, Any]] = [{"stdin": text}, {"tests": [{"stdin": text, "expected_output": text}]}, {}]
        keys = {"language": "py", "source": f"#{text}", **chance.choice(kinds), **more}
        if chance.random() < 0.6:
            keys |= {"email": chance.choice(_ADDRESSES), "receipt": chance.random() < 0.5}
        return keys

    async def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        key = self._chance.choice(self._keys)
        headers = {**bearer(key), **how.pop("headers", {})}
        answer = await self._client.request(method, path, headers=headers, **how)
        self.statuses.add(answer.status_code)
        assert answer.status_code < 500, answer.text
        return answer

    async def _v1(self) -> None:
        body = self._program(hold=self._chance.random() < 0.3)
        headers = {"Idempotency-Key": str(self._chance.randrange(5))} if self._chance.random() < 0.3 else {}
        await self._send("POST", "/v1/submissions", json=body, headers=headers)

    async def _batch(self) -> None:
        several = [self._program() for _ in range(self._chance.choice([1, 2, 3, 8, 30]))]
        body: dict[str, Any] = {"submissions": several, "digest": self._chance.random() < 0.5}
        if self._chance.random() < 0.5:
            body |= {"defaults": self._program(), "submissions": [{}] * len(several)}
        await self._send("POST", "/v1/batches", json=body)

    async def _classic(self) -> None:
        fields = {"email": self._chance.choice(_ADDRESSES), "language": "py", "inputs": "x" * 300}
        answer = await self._send("POST", "/submit_email/", params=fields, files={"file": ("a.py", b"print(1)")})
        if answer.status_code == 200:
            await self._send("GET", "/check_email/", params={"id": answer.json().rpartition(" ")[2]})

    async def _judge0(self) -> None:
        one = {"source_code": "print(1)", "language_id": 71, "stdin": "y" * 200}
        path, body = self._chance.choice([("/submissions", one), ("/submissions/batch", {"submissions": [one] * 5})])
        await self._send("POST", path, json=body)

    async def _again(self) -> None:
        """Ask for another run, or another mail, of any submission."""
        [row] = await fetch(self._database, "SELECT coalesce(max(id), 1) AS last FROM uploads")
        upload = self._chance.randint(1, int(str(row["last"])))
        run = {"stdin": "w" * self._chance.choice([1, 700])} if self._chance.random() < 0.5 else {}
        path = f"/v1/submissions/{upload}"
        calls = [
            ("GET", f"/check_email/?id={upload}", None),
            ("POST", f"{path}/runs", run),
            ("POST", f"{path}/mails", None),
        ]
        method, path, body = self._chance.choice(calls)
        await self._send(method, path, json=body)


@pytest.mark.parametrize(
    ("account", "seed"),
    [
        pytest.param(account, seed, marks=pytest.mark.slow if number > 1 or seed > 1 else ())
        for number, account in enumerate(_ACCOUNTS)
        for seed in (1, 2, 3, 4)
    ],
)
async def test_no_mixture_of_uses_passes_a_bound(
    api_with: ApiWith, database: Database, account: str, seed: int
) -> None:
    keys = [await make_key(database, Scope.SUBMIT, Scope.READ) for _ in range(2)]
    unbounded = dict.fromkeys(("key_budget", "recipient_budget", "domain_budget", "max_backlog"), _MANY)
    bounds = unbounded | _ACCOUNTS[account]
    began = time.monotonic()
    async with api_with(front_doors="judge0", **bounds) as client:
        steps = _Client(client, keys, random.Random(seed), database)
        for number in range(200):
            await steps.some()
            await _check(database, bounds, 1 + (time.monotonic() - began) / 3600)
            # Which requests end is Postgres' chance. So the steps go on until they have met the bound.
            if number >= 12 and {201, 429} <= steps.statuses:
                break
    assert {201, 429} <= steps.statuses


async def _check(database: Database, bounds: dict[str, int], hours: float) -> None:
    """Check each sum. A budget comes back evenly, so it is a little more after a while."""
    used = {**await _used(database), **await _mails(database)}
    most = {
        "submissions": bounds["key_budget"] * hours,
        "runs": bounds["key_budget"] * hours,
        "bytes": bounds.get("key_bytes", _MANY) * hours,
        "waiting": bounds["max_backlog"] // 10,
        "waiting_bytes": bounds.get("key_backlog_bytes", _MANY),
        "mailbox": bounds["recipient_budget"] * hours,
        "mailbox of a key": -(-bounds["recipient_budget"] // 2) * hours,
        "domain": bounds["domain_budget"] * hours,
    }
    assert {name: most[name] for name, amounts in used.items() if max(amounts, default=0) > most[name]} == {}, used


async def _used(database: Database) -> dict[str, list[int]]:
    """Return what each key has used."""
    rows = await fetch(
        database,
        """
        SELECT owner, count(*) AS submissions, sum(runs) AS runs,
            sum(size_bytes + octet_length(inputs) + coalesce(octet_length(expected_output), 0) + coalesce((
                SELECT sum(octet_length(one ->> 'stdin') + octet_length(one ->> 'expected_output'))
                FROM jsonb_array_elements(tests) AS one), 0)) AS bytes,
            count(request_id) AS waiting,
            coalesce(sum(size_bytes + octet_length(inputs) + coalesce(octet_length(expected_output), 0)
                + coalesce(pg_column_size(tests), 0) + coalesce(pg_column_size(override), 0))
                FILTER (WHERE request_id IS NOT NULL), 0) AS waiting_bytes
        FROM uploads GROUP BY owner
        """,
    )
    names = ("submissions", "runs", "bytes", "waiting", "waiting_bytes")
    return {name: [int(str(row[name])) for row in rows] for name in names}


async def _mails(database: Database) -> dict[str, list[int]]:
    """Return how many mails were ordered, or will be when what waits has ended."""
    mails: list[tuple[int, str]] = []
    for row in await fetch(
        database,
        "SELECT uploads.owner, email, runs - CAST(coalesce(digest, false) AS integer) AS results,"
        " (SELECT count(*) FROM emails WHERE upload = uploads.id) AS others"
        " FROM uploads LEFT JOIN batches ON batches.id = batch WHERE email IS NOT NULL",
    ):
        mails += [(int(str(row["owner"])), str(row["email"]))] * (int(str(row["results"])) + int(str(row["others"])))
    digests = await fetch(
        database,
        "SELECT DISTINCT uploads.owner, batch, lower(email) AS email FROM uploads JOIN batches ON batches.id = batch"
        " WHERE digest AND email IS NOT NULL",
    )
    mails += [(int(str(row["owner"])), str(row["email"])) for row in digests]
    return {
        "mailbox": list(Counter(canonical(email) for _, email in mails).values()),
        "mailbox of a key": list(Counter((owner, canonical(email)) for owner, email in mails).values()),
        "domain": list(Counter(domain_of(email) for _, email in mails).values()),
    }
