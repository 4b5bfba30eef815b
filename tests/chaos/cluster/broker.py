"""Three nodes of RabbitMQ on three hosts. Their quorum queues work while two of the nodes do."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.chaos.cluster.machine import Machine
from tests.fixtures.rabbitmq_server import Place, RabbitMQServer


@contextmanager
def broker_cluster(script: Path, machines: Sequence[Machine]) -> Iterator[list[RabbitMQServer]]:
    """Yield the nodes when all of them serve."""
    addresses = [machine.host.address for machine in machines]
    with ExitStack() as stack:
        nodes = []
        for machine in machines:
            place = Place(machine.host.address, addresses, machine.host.prefix)
            node = RabbitMQServer(machine.disk.folder, script, place)
            stack.push(node)
            stack.callback(node.kill)
            node.start_epmd()
            node.launch()
            nodes.append(node)
        for node in nodes:
            node.await_ready()
        yield nodes
