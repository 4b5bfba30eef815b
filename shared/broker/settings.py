"""The settings of the broker."""

from typing import Annotated

from pydantic import Field, SecretStr

from shared.settings import Settings, is_url


class BrokerSettings(Settings):
    amqp_url: Annotated[
        SecretStr | None,
        is_url("amqp", "amqps", example="amqp://host:5672 or amqps://host:5671", several_hosts=True),
        Field(
            description="RabbitMQ's address, amqp://user:password@host:5672/vhost, or that of a cluster,"
            " amqp://user:password@host1:5672,host2:5672/vhost; unset, requests wait in Postgres"
        ),
    ] = None
