"""The port of the front doors: what they may ask of this server. They know none of the use cases behind it.

`api_service.requests.port` implements it, and takes each bound there, so no door can forget one. A door that needs more
than all doors do says so in a protocol of its own, which extends `Port`.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

from fastapi.security import HTTPAuthorizationCredentials
from starlette.requests import HTTPConnection, Request

from api_service.access.principal import Principal
from api_service.languages.catalog import LanguageCatalog
from api_service.limits.holds import ConcurrencyLimit
from api_service.settings import ApiSettings
from api_service.transient.conversation import Conversation
from api_service.transient.ended import EndedRun


class Senders(Protocol):
    """Finds who asks (`api_service.access.authenticator`)."""

    async def principal(self, request: HTTPConnection, credentials: HTTPAuthorizationCredentials | None) -> Principal:
        """Return the sender of a request. Raises `ApiError` (401 or 403)."""

    async def of_key(self, key: str) -> Principal | None:
        """Return the sender with this key; None if the key is not valid."""

    async def keys_existed(self) -> bool:
        """Return True if a key has ever existed."""

    def why_not_local(self, request: HTTPConnection) -> str | None:
        """Return why a request is not from this user on this machine, as a clause; None if it is."""


class Place(Protocol):
    """A place among the requests that wait. Only `Port.hold` makes it, so no program runs without a place.

    All methods raise `ApiError` where a bound forbids the call.
    """

    def memory(self, size: int) -> AbstractContextManager[None]:
        """Hold the memory of a program or of its files while the block runs."""

    async def run(self, request: Request, program: bytes, *, wait_s: float) -> EndedRun:
        """Return the run of a `ProgramRequest` when it has ended. If the client has gone, the program is stopped.

        The engine must begin to run it within `wait_s`.
        """

    def converse(self, program: bytes) -> AbstractAsyncContextManager[Conversation]:
        """Run a program that gets its input while it runs. It ends with the block."""


class StoredFile(Protocol):
    """A file that a client has stored here."""

    @property
    def size_bytes(self) -> int: ...

    async def read(self) -> bytes:
        """Return its content. Raises `ObjectNotFound` if the content is gone."""


class Port(Protocol):
    """What every front door may do. Each method raises `ApiError` if a bound forbids the call."""

    settings: ApiSettings
    response_memory: ConcurrencyLimit
    #: The address by which clients reach this server.
    public_url: str

    @property
    def senders(self) -> Senders: ...

    async def catalog(self) -> LanguageCatalog:
        """Return the languages that the engine offers."""

    def hold(self, principal: Principal) -> AbstractContextManager[Place]:
        """Hold a place among the requests that wait while the block runs. A door reads its body in the block."""

    async def put_file(self, principal: Principal, id_: str, data: bytes, *, max_bytes: int) -> None:
        """Store a file of the sender. If all of them have more than `max_bytes`, the oldest go."""

    async def find_files(self, principal: Principal, ids: Collection[str]) -> Mapping[str, StoredFile]:
        """Return those files of the sender that there are, by their ids."""
