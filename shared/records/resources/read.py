"""Reads the resources from the database."""

from collections.abc import Callable, Sequence

from shared.adapters.database.connection import Connection, Record
from shared.engine_api.program import TestSpec
from shared.records.resources import mapping, statements
from shared.records.resources.links import Links
from shared.records.resources.mapping import TEXT_LIMIT
from shared.records.resources.models import Run, Submission, Test
from shared.records.resources.queue_positions import places
from shared.records.resources.states import State

#: Takes the bytes of the outputs of a run's tests, and raises if they are too many to be read now.
Reserve = Callable[[int], object]


async def submission(
    connection: Connection,
    upload: int,
    *,
    links: Links,
    run: int | None = None,
    text_limit: int = TEXT_LIMIT,
    owner: int | None = None,
    sees_all: bool = False,
    reserve: Reserve | None = None,
) -> Submission | None:
    """Return a submission with its latest run, or with the run of a number; None if it does not exist.

    With `owner`, only a submission of that key is found. Of the secret tests of its problem there is what its key may
    see; all with `sees_all`. This takes one statement, one more if it waits, and one more
    if it has tests. `reserve` is called before the outputs of tests are read.
    """
    values = {"id": upload, "owner": owner, "text_limit": text_limit, "sees_all": sees_all}
    if run is None:
        row = await connection.fetch_one(statements.FIND_SUBMISSION, values)
    else:
        row = await connection.fetch_one(statements.FIND_SUBMISSION_WITH_RUN, {**values, "run": run})
    if row is None:
        return None
    state = mapping.state_of(row) if run is None else mapping.STATES[row["status"]]
    queue = (await places(connection, [upload])).get(upload) if state is State.QUEUED else None
    whole_run = await _whole_run(connection, row, upload, links, text_limit, reserve)
    return mapping.submission_of(row, state, links, queue, whole_run)


async def submissions(connection: Connection, uploads: Sequence[int], *, links: Links) -> list[Submission]:
    """Return these submissions in their order, without texts and tests. Those that do not exist are left out."""
    rows = {row["id"]: row for row in await connection.fetch_all(statements.FIND_SUBMISSIONS, {"ids": list(uploads)})}
    states = {upload: mapping.state_of(row) for upload, row in rows.items()}
    queues = await places(connection, [upload for upload, state in states.items() if state is State.QUEUED])
    return [
        mapping.submission_of(rows[upload], states[upload], links, queues.get(upload), mapping.run_of(rows[upload]))
        for upload in uploads
        if upload in rows
    ]


async def run(
    connection: Connection,
    upload: int,
    number: int,
    *,
    links: Links,
    text_limit: int = TEXT_LIMIT,
    owner: int | None = None,
    sees_all: bool = False,
    reserve: Reserve | None = None,
) -> Run | None:
    """Return a run of a submission; None if it does not exist. `reserve` and `sees_all` are as for `submission`."""
    values = {"id": upload, "run": number, "owner": owner, "text_limit": text_limit, "sees_all": sees_all}
    row = await connection.fetch_one(statements.FIND_RUN, values)
    row = row or await connection.fetch_one(statements.FIND_LATEST_RUN, values)
    return await _whole_run(connection, row, upload, links, text_limit, reserve) if row else None


async def runs(
    connection: Connection, upload: int, *, limit: int, before: int | None = None, owner: int | None = None
) -> tuple[list[Run], int | None] | None:
    """Return up to `limit` runs of a submission, the newest first, without texts, and the number to go on from.

    That number is the next call's `before`; None if there are no more runs. The whole is None if there is no such
    submission.
    """
    values = {"id": upload, "owner": owner, "before": before, "limit": limit + 1}
    rows = await connection.fetch_all(statements.FIND_RUNS, values)
    if not rows:
        return None
    runs = [run_of_row for row in rows[:limit] if row["job"] is not None and (run_of_row := mapping.run_of(row))]
    # The job of the latest run may not be made yet.
    if before is None and rows[0]["runs"] and (not runs or runs[0].number < rows[0]["runs"]):
        runs.insert(0, mapping.waiting_run(rows[0]["runs"], rows[0]["requested_at"], rows[0]["points"]))
    return runs, rows[limit - 1]["number"] if len(rows) > limit else None


async def ended_tests(
    connection: Connection, job: int, *, first: int, last: int, reserve: Reserve, sees_all: bool = False
) -> list[Test]:
    """Return the tests of a run with these numbers that have ended; the rest is as for `submission`."""
    values = {"job": job, "first": first, "last": last, "text_limit": TEXT_LIMIT}
    size = await connection.fetch_one(statements.BYTES_OF_TESTS, values)
    reserve(int(size["bytes"] or 0) if size else 0)
    rows = await connection.fetch_all(statements.FIND_ENDED_TESTS, {**values, "sees_all": sees_all})
    return [
        mapping.test_of(row, row["number"], TestSpec.model_validate_json(row["spec"]), row, TEXT_LIMIT, is_over=False)
        for row in rows
    ]


async def _whole_run(
    connection: Connection, row: Record, upload: int, links: Links, text_limit: int, reserve: Reserve | None = None
) -> Run | None:
    results: list[Record] = []
    if row["has_tests"] and row["job"] is not None:
        if reserve is not None:
            reserve(int(row["tests_bytes"] or 0))
        results = await connection.fetch_all(statements.FIND_TESTS, {"job": row["job"], "text_limit": text_limit})
    texts = {**mapping.texts_of(row, text_limit), **mapping.artifacts_of(row, upload, links)}
    return mapping.run_of(row, texts, mapping.tests_of(row, results, text_limit))
