"""The languages that the engine offers, so that a submission in another language is refused at once."""

import time
from http import HTTPStatus
from typing import Final

from api_service.problems import Problem
from shared.database.connection import Database
from shared.languages import ALIASES, check_lang

#: Seconds for which the table is cached.
_CACHE_SECONDS: Final = 5.0

#: A runner updates the table every minute while the engine answers. Rows older than an hour are ignored.
_OFFERED: Final = "SELECT code FROM languages WHERE seen_at > now() - interval '1 hour' ORDER BY code"


class OfferedLanguages:
    """Reads the table that runners write (`job_runner.languages`). While it is empty, every language is accepted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read_at: float | None = None
        self._codes: list[str] = []

    async def check(self, language: str) -> None:
        """Raise `Problem` (422), which lists the engine's languages, if this one is not among them."""
        code = check_lang(language) or language
        if code in await self._read(code) or not self._codes:
            return
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"language: {code} is not installed on this server; use one of {', '.join(self._codes)}.",
        )

    async def codes(self) -> list[str]:
        """Return the codes of the languages that a submission may be in."""
        return await self._read() or list(ALIASES)

    async def _read(self, wanted: str | None = None) -> list[str]:
        # A language that is not in the cache may have just been installed, so the table is read again.
        is_cached = wanted is None or wanted in self._codes or not self._codes
        if self._read_at is None or not is_cached or time.monotonic() - self._read_at > _CACHE_SECONDS:
            self._read_at = time.monotonic()
            async with self._database.connection() as connection:
                self._codes = [row["code"] for row in await connection.fetch_all(_OFFERED)]
        return self._codes
