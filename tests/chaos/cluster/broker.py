"""Three nodes of RabbitMQ on three hosts. Their quorum queues work while two of the nodes do."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.chaos.cluster.network import Host
from tests.fixtures.rabbitmq_server import Place, RabbitMQServer


@contextmanager
def broker_cluster(folder: Path, script: Path, hosts: Sequence[Host]) -> Iterator[list[RabbitMQServer]]:
    """Yield the nodes when all of them serve."""
    addresses = [host.address for host in hosts]
    with ExitStack() as stack:
        nodes = []
        for host in hosts:
            home = folder / host.name
            home.mkdir()
            node = RabbitMQServer(home, script, Place(host.address, addresses, host.prefix))
            stack.callback(shutil.rmtree, home / "data", ignore_errors=True)
            stack.push(node)
            stack.callback(node.kill)
            node.start_epmd()
            node.launch()
            nodes.append(node)
        for node in nodes:
            node.await_ready()
        yield nodes
