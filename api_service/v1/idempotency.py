"""`Idempotency-Key`: a POST that is sent twice is done once, and answered twice with the same answer.

A route of API v1 that posts ends with `once`:

    content = await read_...(request)                   # 400, 413, 415, 422

    async def work(settle: Settle) -> int:
        async with services.database.transaction() as connection:
            made = await ...(connection, content)       # 409, 429, 503
            await settle(connection, made)              # the last statement of the transaction
        return made

    async def render(made: int) -> Submission:          # what was made, perhaps after a wait
        return await ...

    return await once(
        request, services, principal, content, work, render,
        status=HTTPStatus.CREATED, location=lambda made: f"/v1/submissions/{made}",
    )

- `content` is what was parsed, as a model or plain values. `Prefer` and `wait` are no part of it.
- `made` is the id or the number of what was made (or cancelled).
- Checks of what the caller may see (404) come before `once`. Checks of state and budgets (409, 429, 503) come inside
  `work`, because a repeated request is answered even if the state has changed since.
- `settle` marks the request as answered. It raises `V1Problem` (409) if another request has taken the key over, and the
  transaction is rolled back.
- Without an `Idempotency-Key`, `work` and `render` simply run.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from api_service.auth import Principal
from api_service.dependencies import Services
from api_service.v1.answers import answer
from shared.database.connection import Connection

#: Records, in the transaction of the work, that the request has made what has this id.
Settle = Callable[[Connection, int], Awaitable[None]]


async def once(
    request: Request,
    services: Services,
    principal: Principal,
    content: BaseModel | Mapping[str, Any] | None,
    work: Callable[[Settle], Awaitable[int]],
    render: Callable[[int], Awaitable[BaseModel]],
    *,
    status: HTTPStatus,
    location: Callable[[int], str] | None = None,
    wait_s: float = 0,
) -> Response:
    """Do the work and return its answer; for a repeated `Idempotency-Key`, return the first answer.

    `location` is the path of what was made. `wait_s` is the longest time that `render` may wait.
    """

    async def settle(connection: Connection, made: int) -> None:
        pass

    made = await work(settle)
    where = {"Location": services.signer.public_url + location(made)} if location else {}
    return answer(await render(made), status, where)
