"""The settings of the broker."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from shared.settings import Settings


class BrokerSettings(Settings):
    amqp_url: SecretStr | None = Field(
        default=None,
        description="RabbitMQ's address, amqp://user:password@host:5672/vhost; unset, messages travel through Postgres",
    )

    @field_validator("amqp_url")
    @classmethod
    def _is_an_amqp_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
            raise ValueError("it must look like amqp://host:5672 or amqps://host:5671")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError("its port must be a number up to 65535") from None
        return url
