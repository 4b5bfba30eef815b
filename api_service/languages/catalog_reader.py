"""The languages that the engine offers, so that a submission in another language is refused at once."""

from typing import Final

from api_service.cached import CachedFor
from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import LanguageCatalog
from shared.adapters.database.connection import Connection, Database
from shared.engine_api.codex import SupportedLanguage
from shared.engine_api.languages import check_lang, position_of

_CACHE_SECONDS: Final = 5.0
#: A runner updates the table every minute while the engine answers. Rows older than an hour are ignored.
_OFFERED: Final = "SELECT code, details FROM languages WHERE seen_at > now() - interval '1 hour' ORDER BY code"


class CatalogReader:
    """Reads the table that runners write (`job_runner.engine.languages`). While it is empty, accepts every language."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cached = CachedFor(_CACHE_SECONDS, self._read)

    async def check(self, language: str) -> None:
        """Raise `ApiError` (422), which lists the engine's languages, if this one is not among them."""
        code = check_lang(language) or language
        catalog = await self.catalog()
        if code in catalog.languages or not catalog.languages:
            return
        raise ApiError(
            Kind.INVALID, f"language: {code} is not installed on this server; use one of {', '.join(catalog.codes)}."
        )

    async def catalog(self) -> LanguageCatalog:
        return await self._cached.get()

    async def _read(self) -> LanguageCatalog:
        rows = await self._database.call(Connection.fetch_all, _OFFERED)
        # If several languages have an extension, it means the first of them.
        rows.sort(key=lambda row: position_of(row["code"]))
        read = SupportedLanguage.model_validate_json
        return LanguageCatalog({row["code"]: read(row["details"]) if row["details"] else None for row in rows})
