"""The broker: carries the ids of submissions to be executed from the API to the queue consumer."""

from shared.broker.base import Broker
from shared.broker.dead_letters import DeadLetters
from shared.broker.settings import BrokerSettings
from shared.database.connection import Database

__all__ = ["Broker", "BrokerSettings", "open_broker", "open_dead_letters"]


def open_broker(settings: BrokerSettings, database: Database) -> Broker:
    """Return the broker: RabbitMQ if `PRECIEUX_AMQP_URL` is set, else Postgres. It connects on first use."""
    # Imported here, so that an embedded installation never loads pika.
    if settings.amqp_url is not None:
        from shared.broker.rabbitmq import RabbitMQBroker

        return RabbitMQBroker(settings.amqp_url.get_secret_value(), queue_type=settings.amqp_queue_type)
    from shared.broker.postgres import PostgresBroker

    return PostgresBroker(database)


def open_dead_letters(settings: BrokerSettings, database: Database) -> DeadLetters:
    """Return the dead letters of the same broker. They need no closing."""
    if settings.amqp_url is not None:
        from shared.broker.rabbitmq_dead_letters import RabbitMQDeadLetters

        return RabbitMQDeadLetters(settings.amqp_url.get_secret_value(), queue_type=settings.amqp_queue_type)
    from shared.broker.postgres_dead_letters import PostgresDeadLetters

    return PostgresDeadLetters(database)
