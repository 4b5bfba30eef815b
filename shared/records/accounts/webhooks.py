"""Webhooks, as the API and the runner share them: the settings, the secrets, and who can have webhooks signed.

A secret is `whsec_` and the base64 of 24 to 64 random bytes (Standard Webhooks). It belongs to an API key. The secret
of the settings signs for submissions whose key has none.
"""

import base64
import binascii
import secrets
from typing import Final

from pydantic import Field, SecretStr, field_validator

from shared.adapters.database.connection import Connection
from shared.common.http.egress import Egress, EgressRefused
from shared.common.service.settings import Settings, entries_of

PREFIX: Final = "whsec_"
#: The time for which the secret before the latest one signs along.
OLD_SECRET_HOURS: Final = 24
_SECRET_BYTES: Final = 32
_MIN_BYTES, _MAX_BYTES = 24, 64

_SIGNS_WEBHOOKS: Final = "SELECT signs_webhooks FROM api_keys WHERE id = :owner"
_SECRETS: Final = """
    SELECT webhook_secret, CASE WHEN old_webhook_secret_until > now() THEN old_webhook_secret END AS old
    FROM api_keys WHERE id = :owner
"""


class WebhookSettings(Settings):
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="signs webhooks of submissions whose key has no secret; `whsec_` and the base64 of 24 to 64 bytes",
    )
    webhook_ports: str | None = Field(
        default=None, description="ports that webhooks may use beside 80 and 443, separated by commas, such as 8443"
    )
    webhook_allowed_hosts: str | None = Field(
        default=None,
        description="names, addresses and networks that webhooks may reach on any port although they are not of the"
        " public Internet, separated by commas, such as hooks.example.edu,10.1.0.0/16",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_secret(value.get_secret_value()):
            raise ValueError(f"it must be {PREFIX} and the base64 of {_MIN_BYTES} to {_MAX_BYTES} bytes")
        return value

    @field_validator("webhook_ports")
    @classmethod
    def _are_ports(cls, value: str | None) -> str | None:
        for port in entries_of(value):
            if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
                raise ValueError(f"{port!r} is not a port")
        return value

    @field_validator("webhook_allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: str | None) -> str | None:
        for host in entries_of(value):
            try:
                Egress(allowed_hosts=(host,))
            except EgressRefused:
                raise ValueError(f"{host!r} is not a name, an address or a network") from None
        return value

    @property
    def egress(self) -> Egress:
        """The guard that checks the URLs of webhooks."""
        return Egress([int(port) for port in entries_of(self.webhook_ports)], entries_of(self.webhook_allowed_hosts))


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Return True for `whsec_` and the base64 of 24 to 64 bytes."""
    encoded = text.removeprefix(PREFIX)
    try:
        length = len(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return False
    return text.startswith(PREFIX) and _MIN_BYTES <= length <= _MAX_BYTES


async def can_sign(connection: Connection, owner: int | None, settings: WebhookSettings) -> bool:
    """Return True if webhooks of this key can be signed; `owner` is None for a key of the settings or no key."""
    if settings.webhook_secret is not None:
        return True
    return bool(await connection.fetch_value(_SIGNS_WEBHOOKS, {"owner": owner}))


async def signing_secrets(connection: Connection, owner: int | None, settings: WebhookSettings) -> list[str]:
    """Return the secrets that sign a key's webhooks, the latest first; none if the key and the settings have none."""
    row = await connection.fetch_one(_SECRETS, {"owner": owner})
    of_key = [secret for secret in (row["webhook_secret"], row["old"]) if secret] if row else []
    if of_key or settings.webhook_secret is None:
        return of_key
    return [settings.webhook_secret.get_secret_value()]
