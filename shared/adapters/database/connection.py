"""Access to Postgres: a pool, transactions, and notifications.

SQL is text with `:name` parameters. All errors that mean an unavailable server are raised as `DatabaseUnavailable`.

`databases` opens and closes the pool, and `shared.adapters.database.connector` makes its connections. Statements go
directly to asyncpg, because `databases` compiles a statement at every call, which costs more than the round trip.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

import asyncpg
import databases
from pydantic import Field

from shared.adapters.database.address import DatabaseUrl
from shared.adapters.database.connection_errors import UNAVAILABLE, wrong_address
from shared.adapters.database.connector import Connector
from shared.adapters.database.listener import Listener
from shared.common.service import metrics
from shared.common.service.errors import DatabaseConflict, DatabaseFull, DatabaseTooSlow, DatabaseUnavailable
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy
from shared.common.service.settings import Settings

log = get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Values = Mapping[str, object]
#: One row. `row[name]` is one value, and `dict(row)` holds all of them.
Record: TypeAlias = asyncpg.Record
RawConnection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

#: Seconds for which a transaction may be idle. Postgres then ends it and frees its locks, because its process is frozen
#: or its host is gone. A publisher may wait 40 s for the broker.
_IDLE_SECONDS = 60.0
#: Seconds without use after which a connection is closed, unless it is the last. Each takes 2 to 5 MB of the server.
_SPARE_SECONDS = 15.0
#: Errors of a server that undid a statement in favour of another: there was a deadlock, or a lock was not free.
_CONFLICTS = (
    asyncpg.TransactionRollbackError,  # class 40
    asyncpg.LockNotAvailableError,  # 55P03
    asyncpg.ForeignKeyViolationError,  # 23503: another transaction has removed a row just before this one named it
)

# Literals, quoted names, comments and casts (`::`) come first: a colon in them begins no parameter.
_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "[^"]*" | --[^\n]* | /\*.*?\*/ | :: | (?<!\w):(?P<name>[a-z_]\w*)""", re.VERBOSE | re.DOTALL
)


class DatabaseSettings(Settings):
    database_url: DatabaseUrl = Field(
        description="the address of Postgres, postgresql://user:password@host:port/name, or of several servers of which"
        " one takes writes, postgresql://user:password@host1:port,host2:port/name; `precieux up` sets it"
    )
    database_pool_size: Annotated[int, Field(ge=2, le=200, description="connections that one process may hold")] = 10


class Connection:
    """Runs statements on one connection to Postgres, until the block that opened it ends."""

    def __init__(self, raw: RawConnection) -> None:
        self._raw = raw

    async def execute(self, sql: str, values: Values | None = None) -> None:
        statement, arguments = numbered(sql, values)
        await self._raw.fetch(statement, *arguments)

    async def fetch_one(self, sql: str, values: Values | None = None) -> Record | None:
        statement, arguments = numbered(sql, values)
        return await self._raw.fetchrow(statement, *arguments)

    async def fetch_value(self, sql: str, values: Values | None = None) -> Any:
        """Return the first column of the first row; None if there is no row."""
        row = await self.fetch_one(sql, values)
        return row[0] if row else None

    async def fetch_all(self, sql: str, values: Values | None = None) -> list[Record]:
        statement, arguments = numbered(sql, values)
        return list(await self._raw.fetch(statement, *arguments))

    async def fetch_each(self, sql: str, values: Sequence[Values]) -> list[Record]:
        """Run one statement for each of the `values` in one round trip and one transaction. Return all rows."""
        statements = [numbered(sql, value) for value in values]
        if not statements:
            return []
        return list(await self._raw.fetchmany(statements[0][0], [arguments for _, arguments in statements]))

    async def notify(self, channel: str, payload: str = "") -> None:
        """Send a NOTIFY, which arrives when the transaction commits."""
        await self.execute("SELECT pg_notify(:channel, :payload)", {"channel": channel, "payload": payload})


def _transient(error: Exception) -> DatabaseUnavailable | None:
    """Return our error for a transient one of Postgres or asyncpg; None for an error that would recur.

    Only this function distinguishes the two kinds.
    """
    text = str(error) or type(error).__name__
    if isinstance(error, _CONFLICTS):
        return DatabaseConflict(f"the database rolled a transaction back in favour of another: {text}")
    if isinstance(error, asyncpg.DiskFullError):
        metrics.DATABASE_FULL.inc()
        return DatabaseFull(f"the disk of the database is full: {text}")
    if isinstance(error, asyncpg.QueryCanceledError):
        return DatabaseTooSlow(f"the database took too long: {text}")
    if isinstance(error, UNAVAILABLE):
        return DatabaseUnavailable(f"the database is unavailable: {text}")
    return None


async def _keep_session(_: asyncpg.Connection) -> None:
    """Skip asyncpg's reset of a released connection, to save a round trip. The pool rolls back open transactions."""


class Database:
    """A pool of connections. Call `connect()` first and `disconnect()` last.

    Connections belong to tasks. A child task is outside its parent's transaction, and `transaction()` inside a
    transaction of the same task is a savepoint.
    """

    def __init__(self, settings: DatabaseSettings, *, statement_seconds: float = 0, name: str = "precieux") -> None:
        """`name` is what Postgres calls the connections.

        A statement that runs longer than `statement_seconds`, or waits longer for a lock, a connection or the
        synchronous standby, raises `DatabaseUnavailable`; 0 means no limit.
        """
        self._connector = Connector(settings.database_url.get_secret_value())
        self._session = {"application_name": name}
        # The server's own limit ends first. It does not count a commit's wait for the standby.
        self._wait = statement_seconds * 1.2 or None

        # Not sent with the connection's first message: a pooler such as PgBouncer would refuse them there.
        settings_of_session = (
            f"SET idle_in_transaction_session_timeout = {round(_IDLE_SECONDS * 1000)};"
            f"SET statement_timeout = {round(statement_seconds * 1000)};"
            # A connection keeps its plans while a table grows from nothing to thousands of rows within a minute, before
            # Postgres analyses it. A scan that looked cheap at first then doubled the server's CPU time.
            "SET enable_seqscan = off;"
            # Up to version 17, a scan without an index then seems so costly that Postgres compiles it, in over 150 ms.
            "SET jit = off"
        )

        self._database = databases.Database(
            "postgresql://",
            # The connector knows the address and its query.
            connect=self._connector.connect,
            database=None,
            min_size=1,
            max_size=settings.database_pool_size,
            max_inactive_connection_lifetime=_SPARE_SECONDS,
            init=lambda connection: connection.execute(settings_of_session),
            reset=_keep_session,
            server_settings=self._session,
            command_timeout=self._wait,
        )
        self._held: dict[asyncio.Task[Any], RawConnection] = {}
        self._listener = Listener(lambda: self._connector.connect(timeout=10, server_settings=self._session))

    async def connect(self, stop: asyncio.Event | None = None) -> None:
        """Connect to the server. Try again with backoff until it succeeds or `stop` is set.

        Raise `ConfigurationError` if the address is wrong.
        """
        policy = RetryPolicy(base=0.2, cap=5)
        attempt = 0
        while stop is None or not stop.is_set():
            attempt += 1
            try:
                await self._database.connect()
            except Exception as exc:
                if wrong := wrong_address(exc):
                    raise wrong from exc
                if not isinstance(exc, (*UNAVAILABLE, asyncpg.PostgresError)):
                    raise
                delay = policy.delay(attempt)
                log.warning(
                    "database.waiting",
                    servers=self._connector.servers,
                    error=str(exc) or type(exc).__name__,
                    advice="check that the database runs, and that PRECIEUX_DATABASE_URL is its address",
                    next_try_s=round(delay, 1),
                )
                await asyncio.sleep(delay)
            else:
                return

    async def disconnect(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._database.disconnect(), timeout=5)

    def connections(self) -> dict[str, int]:
        """Return the number of connections in the pool that are `busy` and `idle`."""
        pool = self._database._backend._pool
        if pool is None:
            return {"busy": 0, "idle": 0}
        return {"busy": pool.get_size() - pool.get_idle_size(), "idle": pool.get_idle_size()}

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Yield a connection that commits each statement by itself, or with the open `transaction()` of this task.

        For a single statement this saves the two round trips of a transaction.
        """
        async with self._acquired() as raw:
            yield Connection(raw)

    async def call(
        self, work: Callable[Concatenate[Connection, P], Awaitable[T]], *values: P.args, **options: P.kwargs
    ) -> T:
        """Return what `work` returns for a `connection()` and these arguments."""
        async with self.connection() as connection:
            return await work(connection, *values, **options)

    async def transact(
        self, work: Callable[Concatenate[Connection, P], Awaitable[T]], *values: P.args, **options: P.kwargs
    ) -> T:
        """Return what `work` returns for a connection in a `transaction()` and these arguments."""
        async with self.transaction() as connection:
            return await work(connection, *values, **options)

    async def ping(self) -> None:
        """Raise `DatabaseUnavailable` if the server does not answer."""
        await self.call(Connection.execute, "SELECT 1")

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Run the block in a transaction, and commit it at the end."""
        async with self._acquired() as raw, raw.transaction():
            yield Connection(raw)

    @contextlib.asynccontextmanager
    async def _acquired(self) -> AsyncIterator[RawConnection]:
        """Yield the connection that this task holds already, or one from the pool.

        The `connection()` of `databases` cannot be used. If it is cancelled while it releases a connection, it believes
        that the task still holds it, and the task's next statement fails, for example the one that returns its job.
        """
        task = asyncio.current_task()
        pool = self._database._backend._pool
        assert task is not None, "connections belong to tasks"
        assert pool is not None, "connect() first"
        try:
            if (held := self._held.get(task)) is not None:
                yield held
                return
            async with pool.acquire(timeout=self._wait) as raw:
                self._held[task] = raw
                try:
                    yield raw
                finally:
                    del self._held[task]
        except Exception as exc:
            if isinstance(exc, asyncpg.ReadOnlySQLTransactionError):
                # The server has become a standby. The next statement looks for the host that takes writes.
                await pool.expire_connections()
            if (transient := _transient(exc)) is None:
                raise
            raise transient from exc

    @contextlib.asynccontextmanager
    async def listen(
        self, channel: str, on_payload: Callable[[str], None] = lambda payload: None
    ) -> AsyncIterator[asyncio.Event]:
        """Yield an event that every NOTIFY on `channel` sets. The caller clears it.

        `on_payload` is called with the payload of each. Each new connection sets the event too, and calls `on_payload`
        with "", because a notification may have been missed before.
        """
        heard = asyncio.Event()

        def note(payload: str) -> None:
            heard.set()
            on_payload(payload)

        async with self._listener.listen(channel, note):
            yield heard


def numbered(sql: str, values: Mapping[str, object] | None) -> tuple[str, list[object]]:
    """Return the statement with `$1`, `$2`, ... and its values in order. Raise `KeyError` if one is missing."""
    text, names = _translated(sql)
    if values is None:
        values = {}
    return text, [values[name] for name in names]


# Statements are constants of the code, so there are few. The bound only keeps a bug from filling the memory.
@lru_cache(maxsize=1024)
def _translated(sql: str) -> tuple[str, tuple[str, ...]]:
    numbers: dict[str, int] = {}

    def replace(token: re.Match[str]) -> str:
        name = token["name"]
        return token[0] if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    return _TOKEN.sub(replace, sql), tuple(numbers)
