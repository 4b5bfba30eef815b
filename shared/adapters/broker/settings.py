"""The settings of the broker."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from shared.common.service.settings import Settings, is_url


class BrokerSettings(Settings):
    amqp_url: Annotated[
        SecretStr | None,
        is_url("amqp", "amqps", example="amqp://host:5672 or amqps://host:5671", several_hosts=True),
        Field(
            description="RabbitMQ's address, amqp://user:password@host:5672/vhost, or that of a cluster,"
            " amqp://user:password@host1:5672,host2:5672/vhost; unset, requests wait in Postgres"
        ),
    ] = None
    amqp_queue_type: Annotated[
        Literal["quorum", "classic"],
        Field(
            description="the type of RabbitMQ's queue `emails`; `classic` if the original's own publisher declares it,"
            " and then a restart of RabbitMQ loses its messages, and their jobs are made five minutes later"
        ),
    ] = "quorum"
