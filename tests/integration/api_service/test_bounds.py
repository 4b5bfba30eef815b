"""Each route takes the bounds that are its: a place among the requests that wait, memory, run seconds, stored bytes."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final, cast

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from api_service.access.principal import Principal
from api_service.services import Services
from api_service.settings import DOORS
from api_service.v1 import router as v1
from api_service.v1.router import PREFIX as V1
from shared.adapters.database.connection import Database
from shared.adapters.engine.base import OpenedEngine
from shared.records.accounts import cell_rate
from shared.records.accounts.api_keys import Scope
from shared.records.accounts.cell_rate import Charge
from tests.fixtures.mcp_calls import call_of
from tests.fixtures.played_engine import PlayedEngine
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import app_of, put
from tests.integration.rows import bearer, fetch, make_key
from tests.waiting import PATIENCE

_JOBE: Final = "/jobe/index.php/restapi"
_PISTON: Final = "/api/v2"
_RUN: Final = {"wait", "body", "run time"}
_STORE: Final = {"body", "run time", "stored bytes", "backlog"}
#: The bounds of each route that changes or runs something. Those of `_BODIES` are seen to be refused; the others are
#: only listed. Routes that are not here read, and wait only by `requests.waiting`.
_BOUNDS: Final[dict[str, set[str]]] = {
    "POST /submit_email": {"body", "run time", "stored bytes", "backlog"},
    "POST /submit_email/": {"body", "run time", "stored bytes", "backlog"},
    "POST /v1/run": _RUN,
    "POST /v1/submissions": {*_STORE, "wait"},
    "DELETE /v1/submissions/{id}": set(),
    "POST /v1/submissions/{id}/cancel": set(),
    "POST /v1/submissions/{id}/runs": {"wait", "body", "run time", "backlog"},
    "POST /v1/submissions/{id}/mails": set(),  # by the mails of an hour
    "POST /v1/batches": _STORE,
    "POST /v1/batches/{id}/cancel": set(),
    "DELETE /v1/batches/{id}": set(),
    "PUT /v1/problems/{name}": {"wait"},  # the body to a file, and by PRECIEUX_KEY_PROBLEM_BYTES
    "PATCH /v1/problems/{name}": {"body"},
    "DELETE /v1/problems/{name}": set(),
    "POST /v1/problems/{name}/check": {"wait", "body", "backlog"},  # the others before the jury's programs are stored
    "POST /v1/mailgun/events": {"body"},
    "POST /send": {"body"},  # the others as POST /v1/submissions
    f"PUT {_JOBE}/files/{{id}}": {"body", "stored bytes"},
    f"POST {_JOBE}/runs": _RUN,
    f"OPTIONS {_JOBE}/{{path:path}}": set(),
    "POST /submissions": {*_STORE, "wait"},
    "POST /submissions/batch": {"body"},  # each of its programs as POST /submissions
    "DELETE /submissions/{token}": set(),
    "POST /authenticate": set(),
    "POST /authorize": set(),
    "POST /problems": set(),  # a page that takes a key
    f"POST {_PISTON}/execute": _RUN,
    f"WS {_PISTON}/connect": {"wait", "run time"},  # by `Port.hold` and `converse`; not sent here
    f"POST {_PISTON}/packages": {"body"},
    f"DELETE {_PISTON}/packages": {"body"},
    "POST /run_code": _RUN,
    "POST /run_jupyter": _RUN,
    "POST /sandboxfusion/-/run_code": _RUN,
    "POST /sandboxfusion/-/run_jupyter": _RUN,
    "POST /mcp": _RUN,
}
_SOURCE: Final = {"language": "py", "source": "print(1)"}
_CODE: Final = {"language": "python", "code": "print(1)"}
_TOOL: Final = {"name": "run_code", "arguments": {"language": "py", "code": "print(1)"}}
_FORM: Final = {
    "data": {"email": "a@example.com", "language": "py", "inputs": "", "enable": "0"},
    "files": {"file": ("a.py", b"print(1)")},
}
#: Good bodies of the routes that run or store something.
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "POST /v1/run": {"json": _SOURCE},
    "POST /v1/submissions?wait=1": {"json": _SOURCE},
    "POST /v1/batches": {"json": {"submissions": [_SOURCE]}},
    "POST /v1/submissions/{id}/runs?wait=1": {"json": {}},
    "PUT /v1/problems/{name}": {"content": b"", "headers": {"Content-Type": "application/zip"}},
    "POST /submit_email": _FORM,
    "POST /submit_email/": _FORM,
    f"PUT {_JOBE}/files/{{id}}": {"json": {"file_contents": "cHJpbnQoMSk="}},
    f"POST {_JOBE}/runs": {"json": {"run_spec": {"language_id": "python3", "sourcecode": "print(1)"}}},
    "POST /submissions?wait=true": {"json": {"language_id": 71, "source_code": "print(1)"}},
    f"POST {_PISTON}/execute": {"json": {"language": "python", "version": "*", "files": [{"content": "print(1)"}]}},
    "POST /submissions/batch": {},
    f"POST {_PISTON}/packages": {},
    f"DELETE {_PISTON}/packages": {},
    "POST /run_code": {"json": _CODE},
    "POST /run_jupyter": {"json": {"cells": ["1"]}},
    "POST /sandboxfusion/-/run_code": {"json": _CODE},
    "POST /sandboxfusion/-/run_jupyter": {"json": {"cells": ["1"]}},
    "POST /send": {},
    "POST /mcp": call_of("tools/call", _TOOL),
}
#: No program reaches it.
_ENGINE: Final = cast("OpenedEngine", None)


#: Pages of the operator, and of those who want no mail: they take a few fields.
_PAGES: Final = ("/admin/", "/unsubscribe")


def _routes(app: FastAPI) -> Iterator[str]:
    """Yield the method and path of each route of the API and its doors that does more than to read."""
    doors: list[Any] = [added.kwargs["door_app"] for added in app.user_middleware if "door_app" in added.kwargs]
    routes = [("", route) for one in (app, *doors) for route in one.routes]
    while routes:
        prefix, route = routes.pop()
        if inner := getattr(route, "original_router", None):
            routes += [(f"{prefix}{V1 if inner is v1.router else ''}", one) for one in inner.routes]
        elif not route.path.startswith(_PAGES):
            methods = set(getattr(route, "methods", None) or {"WS"}) - {"GET", "HEAD"}
            yield from (f"{method} {prefix}{route.path}" for method in methods)


async def test_each_route_that_does_more_than_to_read_names_its_bounds(api_with: ApiWith) -> None:
    async with api_with(front_doors=",".join(DOORS), limits={"codex_url": "http://engine"}) as client:
        assert sorted(_routes(app_of(client))) == sorted(_BOUNDS)


@pytest.fixture(autouse=True)
def wait(offered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_SANDBOXFUSION_WAIT_SECONDS", "0.05")


async def _use_up(bound: str, services: Services, principal: Principal, database: Database) -> None:
    """Leave nothing of a bound for the key."""
    match bound:
        case "wait" | "body":
            budget = (services.waits if bound == "wait" else services.body_memory).budget
            assert budget.take(budget.free, "another")
        case "run time":
            await services.transient.seconds.check(principal)
            services.transient.seconds.charge(principal, 1e6)
            await services.transient.seconds.write()
        case "stored bytes":
            async with owner_of(database).transaction() as connection:
                await cell_rate.charge(connection, [Charge(f"bytes:{principal.key_id}", 1 << 30, 2 << 30)])


@pytest.mark.parametrize("bound", sorted(set().union(*_BOUNDS.values())))
async def test_each_route_is_refused_where_nothing_is_left(bound: str, api_with: ApiWith, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT, Scope.READ, Scope.PROBLEMS)
    [row] = await fetch(database, "SELECT id FROM api_keys")
    principal = Principal(cast("int", row["id"]), frozenset({Scope.SUBMIT}))
    doors, backlog = ",".join(DOORS), 0 if bound == "backlog" else 1000
    limits = {"codex_url": "http://engine"}
    async with api_with(
        front_doors=doors, limits=limits, max_backlog=backlog, key_budget=100, open_engine=lambda: _ENGINE
    ) as client:
        client.headers.update(bearer(key) | {"X-Auth-Token": key})
        held = (await client.post("/v1/submissions", json={**_SOURCE, "hold": True})) if backlog else None
        await _use_up(bound, app_of(client).state.services, principal, database)
        for call, sent in _BODIES.items():
            method, _, target = call.partition(" ")
            if bound not in _BOUNDS[call.partition("?")[0]] or (held is None and "{id}" in target):
                continue
            if bound == "body":
                sent = {"content": b" " * 70_000, "headers": {"Content-Type": "application/json"}}
            path = target.replace("{id}", str(held.json()["id"]) if held else "").replace("{name}", "sum")
            answer = await client.request(method, path, **sent)
            assert _is_refusal(answer), (call, answer.status_code, answer.text)
    assert await fetch(database, "SELECT FROM uploads WHERE request_id IS NOT NULL") == []


#: The calls that wait for their client alone. The answers of others are kept for a client that comes again.
_WAITING: Final = [
    *(call for call in _BODIES if call.endswith("?wait=true") or _BOUNDS.get(call) == _RUN),
    *("GET /v1/submissions/1?wait=60", "GET /v1/problems/sum/check?wait=60"),
]


@pytest.mark.parametrize("call", _WAITING)
async def test_a_client_that_hangs_up_holds_nothing(call: str, api_with: ApiWith, database: Database) -> None:
    method, _, path = call.partition(" ")
    begun, is_stored = asyncio.Event(), "wait" in path

    async def run_for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    engine = PlayedEngine([run_for_ever])
    key = await make_key(database, Scope.SUBMIT, Scope.READ, Scope.PROBLEMS)
    async with api_with(
        front_doors=",".join(DOORS),
        limits={"codex_url": "http://engine"},
        open_engine=lambda: cast("OpenedEngine", engine),
    ) as client:
        client.headers.update(bearer(key) | {"X-Auth-Token": key})
        if method == "GET":
            assert (await client.post("/v1/submissions", json=_SOURCE)).json()["id"] == 1
            await put(client)
            assert (await client.post("/v1/problems/sum/check", json={})).status_code == 202
        request = client.build_request(method, path, **_BODIES.get(call, {}))
        services: Services = app_of(client).state.services
        budgets = [limit.budget for limit in (services.waits, services.body_memory, services.response_memory)]
        before = [budget.free for budget in budgets]
        messages: list[Message] = [{"type": "http.request", "body": request.content}]

        async def receive() -> Message:
            if messages:
                return messages.pop()
            if not is_stored:
                await begun.wait()
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            pass

        scope = {
            "type": "http", "method": method, "path": request.url.path, "raw_path": request.url.raw_path,
            "query_string": request.url.query, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80), "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }  # fmt: skip
        async with asyncio.timeout(5 * PATIENCE):
            await app_of(client)(scope, receive, send)
        assert [budget.free for budget in budgets] == before
    assert engine.ended == (0 if is_stored else 1)
    assert bool(await fetch(database, "SELECT FROM uploads")) == is_stored


def _is_refusal(answer: httpx.Response) -> bool:
    """Return True if a request was refused for lack of room, as its front end says it."""
    is_overload = answer.status_code == 200 and '"outcome":21' in answer.text
    is_failed_tool = answer.status_code == 200 and '"isError":true' in answer.text
    return answer.status_code in (429, 503, 504) or is_overload or is_failed_tool
