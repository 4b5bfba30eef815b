"""What a sender has sent to problems: the latest submissions to one, and the problems that are solved."""

from collections.abc import Sequence
from typing import Final

from api_service.access.principal import Principal
from api_service.services import Services
from api_service.v1.reads import pages
from api_service.v1.reads.pages import ListQuery
from shared.adapters.database.connection import Connection
from shared.records.resources import read
from shared.records.resources.models import Submission

_SOLVED: Final = """
    SELECT name FROM unnest(CAST(:names AS text[])) AS each (name) WHERE EXISTS (
        SELECT FROM uploads u JOIN problem_versions v ON v.id = u.problem_version
        WHERE v.problem = name AND u.outcome = 'finished' AND u.verdict = 'accepted'
            AND (CAST(:owner AS bigint) IS NULL OR u.owner = :owner)
    )
"""


async def latest(services: Services, principal: Principal, name: str) -> list[Submission]:
    """Return the sender's latest submissions to a problem, the newest first."""
    query = ListQuery.model_validate({"problem": name, "limit": 20})
    async with services.classic_list.semaphore.take(principal), services.database.connection() as connection:
        ids, _ = await pages.find(connection, query, owner=principal.key_id, after=None)
        return await read.submissions(connection, ids, links=services.links)


async def solved(services: Services, principal: Principal, names: Sequence[str]) -> set[str]:
    """Return those of the problems that the sender has solved."""
    values = {"names": list(names), "owner": principal.key_id}
    return {row["name"] for row in await services.database.call(Connection.fetch_all, _SOLVED, values)}
