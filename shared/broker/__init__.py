"""The broker: carries the ids of submissions to be executed from the API to the queue consumer."""

from shared.broker.base import Broker
from shared.broker.dead_letters import DeadLetters
from shared.broker.settings import BrokerSettings
from shared.database.connection import Database

__all__ = ["Broker", "BrokerSettings", "open_broker", "open_dead_letters"]


def open_broker(settings: BrokerSettings, database: Database) -> Broker:
    """RabbitMQ when `PRECIEUX_AMQP_URL` is set, else Postgres. Connects on first use, not here."""
    # Imported on choosing, so that an embedded installation never loads pika.
    if settings.amqp_url is not None:
        from shared.broker.rabbitmq import RabbitMQBroker

        return RabbitMQBroker(settings.amqp_url.get_secret_value())
    from shared.broker.postgres import PostgresBroker

    return PostgresBroker(database)


def open_dead_letters(settings: BrokerSettings, database: Database) -> DeadLetters:
    """The operator's side of the same broker. There is nothing to close."""
    if settings.amqp_url is not None:
        from shared.broker.rabbitmq_dead_letters import RabbitMQDeadLetters

        return RabbitMQDeadLetters(settings.amqp_url.get_secret_value())
    from shared.broker.postgres_dead_letters import PostgresDeadLetters

    return PostgresDeadLetters(database)
