"""Runs programs at an engine of its own. There is no API, no database and no budget."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from pydantic import SecretStr

from api_service.access.principal import Principal
from api_service.agent_tools.programs import run_program
from api_service.agent_tools.server import Answer, OnTest
from api_service.cached import CachedFor
from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import LanguageCatalog
from api_service.requests.addresses import AddressRules
from api_service.settings import ApiSettings
from api_service.transient.run_seconds import RunSeconds
from api_service.transient.runs import TransientRuns
from api_service.v1.body.constraints import Constraints
from api_service.v1.routes.languages import languages_of
from shared.adapters.engine.engines import Engines
from shared.adapters.engine.settings import EngineSettings
from shared.common.http.egress import Egress
from shared.common.service.errors import EngineAway
from shared.common.service.settings import load
from shared.engine_api.languages import position_of
from shared.records.accounts.scopes import Scope

_USER: Final = Principal(None, frozenset(Scope))
#: Seconds between two looks whether the engine has started, and for which its languages are cached.
_LOOK_S: Final = 0.1
_CACHE_S: Final = 5.0
_ENDED: Final = "The executor of this server has ended; its log, on standard error, says why."


class _Unlimited(RunSeconds):
    """The budget of the user, who has none. There is no database."""

    def __init__(self) -> None:
        pass

    async def check(self, principal: Principal) -> None:
        pass

    def charge(self, principal: Principal, seconds: float) -> None:
        pass


class EngineBackend:
    """Runs programs at the engine of this address. Its methods wait until it has started, or is no more alive."""

    tools: Collection[str] = ("run_code", "list_languages")

    def __init__(self, url: str, token: str, is_alive: Callable[[], bool]) -> None:
        engine = Engines(load(EngineSettings, codex_url=url, codex_token=SecretStr(token)))
        self._engine = engine
        self._is_alive = is_alive
        self._runs = TransientRuns(lambda: engine, _Unlimited())
        self._settings = load(ApiSettings)
        self._catalog = CachedFor(_CACHE_S, self._read)

    async def close(self) -> None:
        await self._engine.close()

    async def languages(self) -> Sequence[Mapping[str, Any]]:
        return [language.model_dump(mode="json") for language in languages_of(await self._catalog.get())]

    async def run(self, content: dict[str, Any], on_test: OnTest) -> dict[str, Any]:
        constraints = Constraints(
            catalog=await self._catalog.get(),
            settings=self._settings,
            addresses=AddressRules(Egress(), lambda _: None),
        )
        return await run_program(partial(self._runs.events, _USER), content, constraints, on_test)

    async def submit(self, content: dict[str, Any], wait_s: int) -> Answer:
        raise NotImplementedError

    async def get(self, number: int, wait_s: int) -> Answer:
        raise NotImplementedError

    async def _read(self) -> LanguageCatalog:
        while True:
            try:
                rows = await self._engine.languages()
            except EngineAway:
                if not self._is_alive():
                    raise ApiError(Kind.INTERNAL, _ENDED) from None  # another try is in vain
                await asyncio.sleep(_LOOK_S)
            else:
                rows.sort(key=lambda row: position_of(row.language))
                return LanguageCatalog({row.language: row for row in rows})
