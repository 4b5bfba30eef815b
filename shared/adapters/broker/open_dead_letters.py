"""Opens the dead letters of the broker that the settings name."""

from shared.adapters.broker.dead_letters import DeadLetters
from shared.adapters.broker.outbox_dead_letters import OutboxDeadLetters
from shared.adapters.broker.settings import BrokerSettings
from shared.adapters.database.connection import Database


def open_dead_letters(settings: BrokerSettings, database: Database) -> DeadLetters:
    """Return the dead letters of RabbitMQ, or without it those of the outbox. They need no closing."""
    if settings.amqp_url is None:
        return OutboxDeadLetters(database)
    from shared.adapters.broker.rabbitmq_dead_letters import RabbitMQDeadLetters

    return RabbitMQDeadLetters(settings.amqp_url.get_secret_value(), queue_type=settings.amqp_queue_type)
