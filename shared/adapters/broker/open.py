"""Opens the broker that the settings name."""

from shared.adapters.broker.base import Broker
from shared.adapters.broker.settings import BrokerSettings


def open_broker(settings: BrokerSettings) -> Broker | None:
    """Return RabbitMQ if `PRECIEUX_AMQP_URL` is set, else None. It connects on first use."""
    if settings.amqp_url is None:
        return None
    # Imported here, so that an embedded installation never loads pika.
    from shared.adapters.broker.rabbitmq import RabbitMQBroker

    return RabbitMQBroker(settings.amqp_url.get_secret_value(), queue_type=settings.amqp_queue_type)
