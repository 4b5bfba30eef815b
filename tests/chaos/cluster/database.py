"""A Postgres primary and its synchronous standby on two hosts, and the operator who promotes the standby."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shared.adapters.database.roles import DATABASE, Role
from tests.chaos.cluster.machine import Machine
from tests.fixtures.postgres_node import PostgresNode

_PORT = 5432


class DatabasePair:
    """`primary` and `standby` change places at a promotion."""

    def __init__(self, one: PostgresNode, other: PostgresNode) -> None:
        self.primary = one
        self.standby = other
        self._hosts = f"{one.host}:{one.port},{other.host}:{other.port}"

    def url(self, role: Role) -> str:
        """Return the address of both servers for this role."""
        return f"postgresql://{role}@{self._hosts}/{DATABASE}"

    def promote(self) -> None:
        """Promote the standby. The old primary may still run if no host can reach it."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def restore(self) -> None:
        """Make the other server the synchronous standby of the primary, from a new copy of its data."""
        self.primary.start()
        self.primary.require_standby(False)
        self.standby.kill()
        self.standby.copy(self.primary)
        self.primary.require_standby(True)


@contextmanager
def database_pair(machines: Sequence[Machine]) -> Iterator[DatabasePair]:
    one, other = (
        PostgresNode(
            machine.disk.folder,
            machine.host.address,
            _PORT,
            prefix=machine.host.prefix,
            durable=True,
            environment=machine.clock.environment,
            log=machine.disk.folder.with_suffix(".log"),  # elsewhere, since the disk may become full
        )
        for machine in machines
    )
    with one, other:
        one.make()
        pair = DatabasePair(one, other)
        pair.restore()
        yield pair
