"""The broker: carries the ids of submissions to be executed from the API to the queue consumer.

Without one, the consumer takes the rows of the outbox itself (`queue_consumer.outbox_consumer`).
"""

from shared.adapters.broker.base import Broker
from shared.adapters.broker.dead_letters import DeadLetters
from shared.adapters.broker.settings import BrokerSettings
from shared.adapters.database.connection import Database

__all__ = ["Broker", "BrokerSettings", "open_broker", "open_dead_letters"]


def open_broker(settings: BrokerSettings) -> Broker | None:
    """Return RabbitMQ if `PRECIEUX_AMQP_URL` is set, else None. It connects on first use."""
    if settings.amqp_url is None:
        return None
    # Imported here, so that an embedded installation never loads pika.
    from shared.adapters.broker.rabbitmq import RabbitMQBroker

    return RabbitMQBroker(settings.amqp_url.get_secret_value(), queue_type=settings.amqp_queue_type)


def open_dead_letters(settings: BrokerSettings, database: Database) -> DeadLetters:
    """Return the dead letters of RabbitMQ, or without it those of the outbox. They need no closing."""
    if settings.amqp_url is not None:
        from shared.adapters.broker.rabbitmq_dead_letters import RabbitMQDeadLetters

        return RabbitMQDeadLetters(settings.amqp_url.get_secret_value(), queue_type=settings.amqp_queue_type)
    from shared.adapters.broker.outbox_dead_letters import OutboxDeadLetters

    return OutboxDeadLetters(database)
