"""Updates the table of the engine's languages. The API accepts submissions in these languages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from shared.adapters.database.connection import Connection, Database
from shared.common.service.background import wait_any
from shared.common.service.errors import DatabaseUnavailable, EngineUnavailable
from shared.common.service.logging import get_logger
from shared.common.text.strip_nul import strip_nul
from shared.engine_api.codex import SupportedLanguage
from shared.engine_api.languages import check_lang

log = get_logger(__name__)

_INTERVAL_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 5.0

_UPDATE: Final = """
    WITH offered AS MATERIALIZED (
        SELECT code, info, CAST(details AS jsonb) AS details
        FROM unnest(CAST(:codes AS text[]), CAST(:infos AS text[]), CAST(:details AS text[]))
            AS one (code, info, details)
    ), gone AS MATERIALIZED (
        SELECT code FROM languages WHERE code NOT IN (SELECT code FROM offered) ORDER BY code FOR UPDATE
    ), removed AS (
        DELETE FROM languages USING gone WHERE languages.code = gone.code
    )
    INSERT INTO languages (code, info, details, seen_at)
    SELECT code, info, details || jsonb_build_object('slots', CAST(:slots AS integer)), now() FROM offered ORDER BY code
    ON CONFLICT (code) DO UPDATE SET info = excluded.info, details = excluded.details, seen_at = excluded.seen_at
"""


class Languages:
    """Updates the table every minute. While the engine does not answer, the table stays as it is.

    `offered` returns the languages of the engine. It raises `EngineUnavailable`. `slots` returns how many slots all
    engines have, for `precieux status` and the autoscaler of runners; None if they do not say so.
    """

    def __init__(
        self,
        database: Database,
        offered: Callable[[], Awaitable[Sequence[SupportedLanguage]]],
        slots: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._database = database
        self._offered = offered
        self._slots = slots

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
        """Ask the engine, and update the table. An empty list changes nothing."""
        offered = await self._offered()
        by_code = {check_lang(language.language) or strip_nul(language.language): language for language in offered}
        if not by_code:
            return
        values = {
            "codes": list(by_code),
            "slots": self._slots(),
            "infos": [strip_nul(language.info) for language in by_code.values()],
            "details": [_details(language) for language in by_code.values()],
        }
        await self._database.call(Connection.execute, _UPDATE, values)


def _details(language: SupportedLanguage) -> str:
    """Return the engine's row as JSON that Postgres can store, without what the engine does not report."""
    return language.model_dump_json(exclude_none=True).replace("\\u0000", "\\ufffd")
