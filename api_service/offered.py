"""Knows which languages the engine has, so that a submission in another one is refused at once."""

import time
from http import HTTPStatus
from typing import Final

from api_service.problems import Problem
from shared.database.connection import Database
from shared.languages import ALIASES, check_lang

#: For how long one look at the table is believed, in seconds.
_BELIEVED_SECONDS: Final = 5.0

#: A runner writes the table every minute while it reaches the engine. After an hour without one, nothing is known.
_OFFERED: Final = "SELECT code FROM languages WHERE seen_at > now() - interval '1 hour' ORDER BY code"


class OfferedLanguages:
    """Reads what runners wrote (`job_runner.languages`). While nothing is known, every language is accepted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at: float | None = None
        self._codes: list[str] = []

    async def check(self, language: str) -> None:
        """Raise `Problem` (422), which names the languages that there are, if the engine lacks this one."""
        code = check_lang(language) or language
        if code in await self._read(code) or not self._codes:
            return
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"language: {code} is not installed on this server; it has {', '.join(self._codes)}.",
        )

    async def codes(self) -> list[str]:
        """Return the codes of the languages that a submission may be in."""
        return await self._read() or list(ALIASES)

    async def _read(self, wanted: str | None = None) -> list[str]:
        # What has just been installed is found at once.
        believed = wanted is None or wanted in self._codes or not self._codes
        if self._looked_at is None or not believed or time.monotonic() - self._looked_at > _BELIEVED_SECONDS:
            self._looked_at = time.monotonic()
            async with self._database.connection() as connection:
                self._codes = [row["code"] for row in await connection.fetch_all(_OFFERED)]
        return self._codes
