"""Keeps the table of the engine's languages, from which the API knows what it may accept."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from job_runner.storable import storable
from shared.codex import SupportedLanguage
from shared.database.connection import Database
from shared.errors import DatabaseUnavailable, EngineUnavailable
from shared.languages import check_lang
from shared.lifecycle import wait_any
from shared.logging import get_logger

log = get_logger(__name__)

_INTERVAL_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 5.0

_KEEP: Final = """
    WITH told AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:infos AS text[])) AS one (code, info)
    ), gone AS MATERIALIZED (
        SELECT code FROM languages WHERE code NOT IN (SELECT code FROM told) ORDER BY code FOR UPDATE
    ), removed AS (
        DELETE FROM languages USING gone WHERE languages.code = gone.code
    )
    INSERT INTO languages (code, info, seen_at) SELECT code, info, now() FROM told ORDER BY code
    ON CONFLICT (code) DO UPDATE SET info = excluded.info, seen_at = excluded.seen_at
"""


class Lister(Protocol):
    async def languages(self) -> Sequence[SupportedLanguage]:
        """Return the languages of the engine. Raises `EngineUnavailable`."""


class Languages:
    """Asks the engine every minute. While it does not answer, the table stays as it is."""

    def __init__(self, database: Database, engine: Lister) -> None:
        self._database = database
        self._engine = engine

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.run_once()
                wait = _INTERVAL_SECONDS
            except (EngineUnavailable, DatabaseUnavailable) as exc:
                wait = _RETRY_SECONDS
                log.info("languages.waiting", error=str(exc), next_try_s=wait)
            await wait_any(stop, timeout=wait)

    async def run_once(self) -> None:
        """Ask, and write the answer. An engine that names no language changes nothing."""
        told = await self._engine.languages()
        infos = {check_lang(one.language) or storable(one.language): storable(one.info) for one in told}
        if not infos:
            return
        async with self._database.connection() as connection:
            await connection.execute(_KEEP, {"codes": list(infos), "infos": list(infos.values())})
