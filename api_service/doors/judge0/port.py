"""What this front door asks of the server beyond `api_service.doors.port`: it stores submissions, and reads them."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Annotated, Protocol

from fastapi import Depends, Request

from api_service.access.principal import Principal
from api_service.doors.door import port_of
from api_service.doors.port import Port
from api_service.submissions.new_submission import NewSubmission
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore


class Waiter(Protocol):
    async def until_final(self, upload_id: int) -> None:
        """Return when the submission is in a final state, or the time is over."""


class Judge0Port(Port, Protocol):
    database: Database
    store: ObjectStore
    #: Where webhooks may go, if the operator has said that.
    webhook_allowed_hosts: str | None

    def receiving(self, request: Request, principal: Principal) -> AbstractAsyncContextManager[bytes]:
        """Yield the body of a request. A key has two of them checked at a time."""

    def waiting(self, principal: Principal, seconds: float) -> AbstractContextManager[Waiter]:
        """Yield what waits for a submission, for `seconds` at most. It holds a place among the requests that wait."""

    async def submit(
        self, principal: Principal, new: NewSubmission, on_stored: Callable[[Connection, int], Awaitable[None]]
    ) -> int:
        """Store a submission, request its run, and return its id. `on_stored` ends the transaction."""

    async def delete(self, upload_id: int) -> bool:
        """Delete a submission, and return True; False if there is none."""

    async def workload(self) -> tuple[int, int, int, int]:
        """Return how many programs wait, run, may run at once, and have failed in the last day."""


PortDep = Annotated[Judge0Port, Depends(port_of)]
