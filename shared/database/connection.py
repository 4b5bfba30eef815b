"""The one door to Postgres: a pool, transactions, and notifications.

SQL is text with `:name` parameters. Whatever says that the server is away is raised as `DatabaseUnavailable`.

`databases` opens and closes the pool; statements go past it to asyncpg, since it compiles each one anew at every call,
which costs more than the round trip.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeAlias

import asyncpg
import databases
from pydantic import Field, SecretStr, field_validator

from shared.database.named_parameters import numbered
from shared.errors import DatabaseConflict, DatabaseUnavailable
from shared.logging import get_logger
from shared.retry import RetryPolicy
from shared.settings import Settings

log = get_logger(__name__)

Values = Mapping[str, object]
RawConnection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

#: Errors that asyncpg and the socket raise if the server is down, stopping, starting, out of resources or a stand-by.
_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    # asyncpg's own bookkeeping, torn by a server that was killed in the middle of an answer.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InsufficientResourcesError,  # class 53
    asyncpg.OperatorInterventionError,  # class 57
    asyncpg.PostgresSystemError,  # class 58
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
#: Errors that the server raises when it undid a statement in favour of another: a deadlock, a lock that is not free.
_CONFLICTS = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError)  # class 40, and 55P03


class DatabaseSettings(Settings):
    database_url: SecretStr = Field(
        description="postgresql://user:password@host:port/name; `precieux up` brings a Postgres of its own"
    )
    database_pool_size: Annotated[int, Field(ge=2, le=200, description="connections that one process may hold")] = 10

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("it must begin with postgresql://")
        return value


class Record(Protocol):
    """One row: a value by its column's name, and `dict(row)` for all of them."""

    def __getitem__(self, name: str, /) -> Any: ...
    def keys(self) -> Iterator[str]: ...


class Connection:
    """Runs statements on one of Postgres' connections, for as long as the block lasts that gave it."""

    def __init__(self, raw: RawConnection) -> None:
        self._raw = raw

    async def execute(self, sql: str, values: Values | None = None) -> None:
        statement, arguments = numbered(sql, values)
        await self._raw.fetch(statement, *arguments)

    async def fetch_one(self, sql: str, values: Values | None = None) -> Record | None:
        statement, arguments = numbered(sql, values)
        return await self._raw.fetchrow(statement, *arguments)

    async def fetch_all(self, sql: str, values: Values | None = None) -> list[Record]:
        statement, arguments = numbered(sql, values)
        return list(await self._raw.fetch(statement, *arguments))

    async def fetch_each(self, sql: str, values: Sequence[Values]) -> list[Record]:
        """The rows of one statement for each of the `values`, in one round trip; all are committed, or none is."""
        statements = [numbered(sql, each) for each in values]
        if not statements:
            return []
        return list(await self._raw.fetchmany(statements[0][0], [arguments for _, arguments in statements]))


def _transient(error: Exception) -> DatabaseUnavailable | None:
    """Return our error for a transient one of Postgres or asyncpg; None for an error that would recur.

    Only this function distinguishes the two kinds.
    """
    text = str(error) or type(error).__name__
    if isinstance(error, _CONFLICTS):
        return DatabaseConflict(f"the database undid it for another's sake: {text}")
    if isinstance(error, _AWAY):
        return DatabaseUnavailable(f"the database is away: {text}")
    return None


async def _keep_session(_: asyncpg.Connection) -> None:
    """Spares a round trip at every release: a torn transaction is undone by the pool, and nobody sets more."""


class Database:
    """`connect()` first, `disconnect()` last. Connections are per task: a child task is outside its parent's
    transaction, and `transaction()` inside a transaction of the same task is a savepoint of it.
    """

    def __init__(self, settings: DatabaseSettings, *, statement_seconds: float = 0) -> None:
        """A statement that takes longer, or waits so long for a lock, is ended as if the server were away; 0: none."""
        self._url = settings.database_url.get_secret_value()

        async def begin_session(connection: asyncpg.Connection) -> None:
            if statement_seconds:
                await connection.execute(f"SET statement_timeout = {round(statement_seconds * 1000)}")

        self._database = databases.Database(
            self._url, min_size=1, max_size=settings.database_pool_size, init=begin_session, reset=_keep_session
        )
        self._held: dict[asyncio.Task[Any], RawConnection] = {}

    async def connect(self, stop: asyncio.Event | None = None) -> None:
        """Wait for the server, with backoff, for as long as it takes or until `stop`."""
        policy, rng = RetryPolicy(base=0.2, cap=5), random.Random()  # noqa: S311
        attempt = 0
        while stop is None or not stop.is_set():
            attempt += 1
            try:
                await self._database.connect()
            except _AWAY as exc:
                delay = policy.delay(attempt, rng)
                log.warning("database.waiting", error=str(exc) or type(exc).__name__, next_try_s=round(delay, 1))
                await asyncio.sleep(delay)
            else:
                return

    async def disconnect(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._database.disconnect(), timeout=5)

    def connections(self) -> dict[str, int]:
        """How many connections the pool holds, by `busy` and `idle`."""
        pool = self._database._backend._pool
        if pool is None:
            return {"busy": 0, "idle": 0}
        return {"busy": pool.get_size() - pool.get_idle_size(), "idle": pool.get_idle_size()}

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Each statement is committed by itself; inside a `transaction()` of the same task it is a part of that.

        Spares two round trips wherever a transaction would hold one statement.
        """
        async with self._acquired() as raw:
            yield Connection(raw)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All of it or nothing; committed when the block ends."""
        async with self._acquired() as raw, raw.transaction():
            yield Connection(raw)

    @contextlib.asynccontextmanager
    async def _acquired(self) -> AsyncIterator[RawConnection]:
        """The connection that this task holds already, or one from the pool for the time of the block.

        Not `databases`' own `connection()`: cancelled while it gives a connection back, it takes the task to hold it
        still, and fails whatever that task asks next, such as handing its job back.
        """
        task = asyncio.current_task()
        pool = self._database._backend._pool
        assert task is not None, "connections belong to tasks"
        assert pool is not None, "connect() first"
        try:
            if (held := self._held.get(task)) is not None:
                yield held
                return
            async with pool.acquire() as raw:
                self._held[task] = raw
                try:
                    yield raw
                finally:
                    del self._held[task]
        except Exception as exc:
            if (transient := _transient(exc)) is None:
                raise
            raise transient from exc

    @contextlib.asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set by every NOTIFY on `channel`; whoever waits for it clears it.

        It is also set each time the connection is made anew, since a notification may have been missed meanwhile.
        """
        heard = asyncio.Event()
        task = asyncio.create_task(self._keep_listening(channel, heard))
        try:
            yield heard
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _keep_listening(self, channel: str, heard: asyncio.Event) -> None:
        policy, rng = RetryPolicy(base=0.2, cap=5), random.Random()  # noqa: S311
        attempt = 0
        while True:
            lost = asyncio.Event()
            try:
                connection = await asyncpg.connect(self._url, timeout=10)
                try:
                    connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                    await connection.add_listener(channel, lambda *_: heard.set())
                    heard.set()
                    attempt = 0
                    await lost.wait()
                finally:
                    connection.terminate()
            except Exception as exc:
                # Any error is caught: the loop that waits for notifications must not lose them for good.
                log.warning("database.not_listening", channel=channel, error=str(exc) or type(exc).__name__)
            attempt += 1
            await asyncio.sleep(policy.delay(attempt, rng))
