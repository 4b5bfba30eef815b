"""The use case of `POST /v1/submissions/{id}/runs`."""

from typing import Any

import pytest

from api_service.access.principal import Principal
from api_service.access.recipients import ALL_RECIPIENTS, Recipients
from api_service.http.errors import ApiError, Kind
from api_service.submissions.new_submission import NewSubmission, Object
from api_service.submissions.quota_costs import QuotaCosts
from api_service.submissions.service import Submissions
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.local import LocalStore
from shared.engine_api.program import Program, file_specs
from shared.records.accounts.api_keys import Scope
from tests.integration.api_service.v1.conftest import make_key
from tests.integration.rows import execute, fetch

OPERATOR = Principal(None, frozenset(Scope))


def submissions_of(
    database: Database, store: LocalStore, recipients: Recipients = ALL_RECIPIENTS, **budgets: int
) -> Submissions:
    costs = QuotaCosts(**{"key_budget": 1000, "recipient_budget": 1000, **budgets})
    return Submissions(database, store, costs, recipients=recipients)


@pytest.fixture
def submissions(database: Database, store: LocalStore) -> Submissions:
    return submissions_of(database, store)


def new_submission(source: bytes = b"print(1)", *, receipt: bool = False, **how: Any) -> NewSubmission:
    files, spec = file_specs({"main.py": source}), Program(receipt=receipt, locale="fa")
    return NewSubmission("py", "main.py", Object(source, "py"), spec=spec, files=files, **how)


async def register(submissions: Submissions, principal: Principal, new: NewSubmission) -> int:
    return (await submissions.post(principal, new)).id


async def end(database: Database, outcome: str = "finished") -> None:
    await execute(database, "UPDATE uploads SET request_id = NULL, outcome = :outcome, verdict = 'ok'", outcome=outcome)


async def test_a_blocked_submission_may_run(submissions: Submissions) -> None:
    """`enable` binds only the classic calls."""
    upload = await register(submissions, OPERATOR, new_submission(enable=1))
    assert await submissions.request_execution(OPERATOR, upload) is False
    assert await submissions.request_run(OPERATOR, upload) == 1


async def test_only_the_first_run_sends_a_receipt(submissions: Submissions, database: Database) -> None:
    upload = await register(submissions, OPERATOR, new_submission(email="a@example.com", receipt=True))
    for _ in range(2):
        await submissions.request_run(OPERATOR, upload)
        expected = [{"kind": "receipt", "upload": upload, "locale": "fa", "job": None}]
        assert await fetch(database, "SELECT kind, upload, locale, job FROM emails") == expected
        await end(database)


async def test_a_refused_run_changes_nothing(database: Database, store: LocalStore) -> None:
    owner = Principal((await make_key(database, "owner")).id, frozenset({Scope.SUBMIT}))
    submissions = submissions_of(database, store, key_budget=2)
    upload = await register(submissions, owner, new_submission(email="a@example.com", receipt=True))
    for _ in range(2):
        await submissions.request_run(owner, upload)
        await end(database)
    before = await fetch(database, "SELECT runs, outcome, request_id FROM uploads")
    with pytest.raises(ApiError) as refused:
        await submissions.request_run(owner, upload)
    assert refused.value.kind.status == 429
    only_others = submissions_of(database, store, recipients=Recipients(["example.edu"]))
    with pytest.raises(ApiError) as refused:
        await only_others.request_run(OPERATOR, upload)
    assert (refused.value.kind.status, refused.value.faults[0].pointer) == (422, "/email")
    assert await fetch(database, "SELECT runs, outcome, request_id FROM uploads") == before
    assert len(await fetch(database, "SELECT FROM outbox")) == 2


async def test_settling_is_part_of_the_transaction(submissions: Submissions, database: Database) -> None:
    upload = await register(submissions, OPERATOR, new_submission())
    settled: list[int] = []

    async def on_stored(connection: Connection, number: int) -> None:
        await connection.execute("UPDATE uploads SET verdict = 'settled' WHERE id = :id", {"id": upload})
        settled.append(number)
        if len(settled) == 1:
            raise ApiError(Kind.CONFLICT, "no")

    with pytest.raises(ApiError):
        await submissions.request_run(OPERATOR, upload, on_stored=on_stored)
    assert await fetch(database, "SELECT runs, verdict FROM uploads") == [{"runs": 0, "verdict": None}]
    assert await submissions.request_run(OPERATOR, upload, on_stored=on_stored) == 1
    assert await fetch(database, "SELECT runs, verdict FROM uploads") == [{"runs": 1, "verdict": "settled"}]
