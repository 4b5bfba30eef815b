"""Passes calls of the tools to this API, for the sender of a request."""

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from mcp.server.lowlevel import Server

from api_service.access.principal import Principal, require
from api_service.agent_tools.programs import run_program
from api_service.agent_tools.results import ProgramFile
from api_service.agent_tools.server import Answer, Context, OnTest, but_stored, make_server
from api_service.agent_tools.tools import TOOLS
from api_service.http.errors import ApiError
from api_service.requests.port import hold, submit
from api_service.requests.threads import run_in_thread
from api_service.requests.visibility import visible_submission
from api_service.requests.waiting import Waiter, waiting
from api_service.services import Services
from api_service.v1.body.constraints import constraints_of
from api_service.v1.body.rules import validate_submission
from api_service.v1.reads.stored_bytes import artifact_of_run
from api_service.v1.routes.languages import languages_of
from shared.common.service.errors import TransientError
from shared.engine_api.artifacts import IMAGES
from shared.records.accounts.scopes import Scope
from shared.records.resources.read import Reserve


@dataclass(frozen=True, slots=True)
class ApiBackend:
    """Calls this API for the sender of a request. `reserve` holds memory until the answer is sent."""

    services: Services
    principal: Principal
    request: Request
    reserve: Reserve
    tools: Collection[str] = tuple(TOOLS)

    async def languages(self) -> Sequence[Mapping[str, Any]]:
        return [language.model_dump(mode="json") for language in languages_of(await self.services.languages.catalog())]

    async def run(self, content: dict[str, Any], on_test: OnTest) -> dict[str, Any]:
        require(self.principal, Scope.SUBMIT)
        with hold(self.services, self.principal) as place:
            constraints = await constraints_of(self.request, self.services, self.principal, [content])
            return await run_program(place.events, content, constraints, on_test)

    async def submit(self, content: dict[str, Any], wait_s: int) -> Answer:
        require(self.principal, Scope.SUBMIT)
        services, principal = self.services, self.principal
        constraints = await constraints_of(self.request, services, principal, [content])
        new = await run_in_thread(validate_submission, content, constraints)
        with waiting(services, principal, wait_s) as waiter:
            number = await submit(services, principal, new)
            try:
                return await self._waited(waiter, number)
            except (ApiError, TransientError) as exc:
                raise but_stored(number) from exc

    async def get(self, number: int, wait_s: int) -> Answer:
        require(self.principal, Scope.READ)
        with waiting(self.services, self.principal, wait_s) as waiter:
            return await self._waited(waiter, number)

    async def _waited(self, waiter: Waiter, number: int) -> Answer:
        services, principal = self.services, self.principal
        await waiter.until_final(number)
        submission = await visible_submission(services, principal, number, self.reserve)
        run = submission.run
        artifacts = (run and run.artifacts) or ()
        self.reserve(sum(artifact.bytes for artifact in artifacts if artifact.media_type in IMAGES))
        files = []
        for artifact in artifacts:
            content = None
            if artifact.media_type in IMAGES and run:
                stored = await artifact_of_run(services.database, services.store, number, run.number, artifact.name)
                content = b64encode(await stored.read(0, stored.size)).decode() if stored else None
            files.append(ProgramFile(artifact.name, artifact.media_type, content, artifact.url))
        return submission.model_dump(mode="json"), files


def tool_server(services: Services, wait_s: float) -> Server[Any]:
    """Return the server of the tools. The state of its requests has their `principal` and `reserve`."""

    async def backend_of(context: Context) -> ApiBackend:
        request = context.request
        assert isinstance(request, Request)
        return ApiBackend(services, request.state.principal, request, request.state.reserve)

    return make_server(backend_of, wait_s=wait_s)
