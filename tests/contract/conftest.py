"""The brokers whose promises are tested."""

from collections.abc import AsyncIterator

import pytest

from shared.adapters.broker.base import Broker
from shared.adapters.broker.dead_letters import DeadLetters
from shared.adapters.broker.outbox_dead_letters import OutboxDeadLetters
from shared.adapters.broker.rabbitmq import RabbitMQBroker
from shared.adapters.broker.rabbitmq_dead_letters import RabbitMQDeadLetters
from shared.common.service.retry import RetryPolicy
from tests.fixtures.brokers import Outbox

_QUICK = RetryPolicy(base=0.02, cap=0.1)


@pytest.fixture(params=["outbox", "rabbitmq"])
def adapters(request: pytest.FixtureRequest) -> tuple[Broker, DeadLetters]:
    if request.param == "outbox":
        database = request.getfixturevalue("database")
        return Outbox(database, poll_interval=0.5, policy=_QUICK), OutboxDeadLetters(database)
    url = request.getfixturevalue("rabbitmq_url")
    return RabbitMQBroker(url, policy=_QUICK), RabbitMQDeadLetters(url)


@pytest.fixture
async def broker(adapters: tuple[Broker, DeadLetters]) -> AsyncIterator[Broker]:
    yield adapters[0]
    await adapters[0].close()


@pytest.fixture
def dead_letters(adapters: tuple[Broker, DeadLetters]) -> DeadLetters:
    return adapters[1]
