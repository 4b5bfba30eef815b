"""Systems to be broken, each on its own Postgres; they share the session's RabbitMQ and S3."""

from collections.abc import Iterator

import pytest

from tests.chaos.load import Load
from tests.chaos.system import Backends, System, running_system
from tests.fixtures.rabbitmq import delete_queues
from tests.fixtures.rabbitmq_server import RabbitMQServer
from tests.fixtures.s3 import S3Service


@pytest.fixture(scope="package")
def embedded() -> Iterator[System]:
    """Return backends with Postgres as the broker and a folder as the store."""
    with running_system(Backends()) as system:
        yield system


@pytest.fixture(scope="package")
def distributed(private_rabbitmq: RabbitMQServer, s3_server: S3Service) -> Iterator[System]:
    """Return backends with RabbitMQ and S3."""
    delete_queues(private_rabbitmq.url)
    with running_system(Backends(private_rabbitmq, s3_server)) as system:
        yield system


@pytest.fixture(scope="package")
def embedded_load(embedded: System) -> Iterator[Load]:
    with Load(embedded.url) as load:
        yield load


@pytest.fixture(scope="package")
def distributed_load(distributed: System) -> Iterator[Load]:
    with Load(distributed.url) as load:
        yield load
