"""Runs programs at an engine. It is all that the tools call if there is nothing else."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from pydantic import SecretStr

from api_service.access.auth import Principal
from api_service.cached import CachedFor
from api_service.doors.mcp.server import Answer, OnTest
from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import LanguageCatalog
from api_service.settings import ApiSettings
from api_service.submissions.new_submission import NewSubmission
from api_service.transient.run_seconds import RunSeconds
from api_service.transient.runs import TransientRuns
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.engine_request import transient_program
from api_service.v1.body.rules import validate_submission
from api_service.v1.protocol.threads import run_in_thread
from api_service.v1.reads.transient_run import TransientResult
from api_service.v1.routes.languages import languages_of
from shared.accounts.api_keys import Scope
from shared.engine.client.codex_client import CodexClient
from shared.engine.client.settings import EngineSettings
from shared.engine.languages import position_of
from shared.http.egress import Egress
from shared.service.errors import EngineAway
from shared.service.settings import load

#: Who runs the process.
_USER: Final = Principal(None, frozenset(Scope))
#: Seconds within which an engine must begin to run a program.
_WAIT_FOR_ENGINE_S: Final = 10.0
#: Seconds between two looks whether the engine has started, and for which its languages are cached.
_LOOK_S: Final = 0.1
_CACHE_S: Final = 5.0
_ENDED: Final = "The executor of this server has ended; its log, on standard error, says why."


async def run_program(
    runs: TransientRuns, principal: Principal, content: dict[str, Any], constraints: Constraints, on_test: OnTest
) -> dict[str, Any]:
    """Run the program of a submission's content, and return its run as API v1 shows it. Raises `ApiError`."""
    program = transient_program(await validated(content, constraints))
    result, ended = TransientResult(program.tests, is_interactive=False), 0
    async with aclosing(runs.events(principal, program.request, wait_s=_WAIT_FOR_ENGINE_S)) as events:
        async for event in events:
            if result.add(event) is not None:
                ended += 1
                await on_test(ended, len(program.tests or ()))
    return result.run().model_dump(mode="json")


async def validated(content: dict[str, Any], constraints: Constraints) -> NewSubmission:
    """Return the submission of a content. Raises `ApiError` with all its faults."""
    # In a thread, because a body may be long.
    new = await run_in_thread(validate_submission, content, constraints)
    constraints.require_known([new])
    return new


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
        engine = CodexClient(load(EngineSettings, codex_url=url, codex_token=SecretStr(token)))
        self._engine = engine
        self._is_alive = is_alive
        self._runs = TransientRuns(lambda: engine, _Unlimited())
        self._settings = load(ApiSettings)
        self._catalog = CachedFor(_CACHE_S, self._read)

    async def close(self) -> None:
        await self._engine.close()

    async def languages(self) -> Sequence[Mapping[str, Any]]:
        return [one.model_dump(mode="json") for one in languages_of(await self._catalog.get())]

    async def run(self, content: dict[str, Any], on_test: OnTest) -> dict[str, Any]:
        constraints = Constraints(
            catalog=await self._catalog.get(),
            max_source_bytes=self._settings.max_source_bytes,
            max_stdin_bytes=self._settings.max_input_bytes,
            max_checker_bytes=self._settings.max_checker_bytes,
            max_judged_output_bytes=self._settings.max_judged_output_bytes,
            egress=Egress(),
            refusal=lambda _: None,
        )
        return await run_program(self._runs, _USER, content, constraints, on_test)

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
