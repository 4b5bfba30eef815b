"""What an operator may set about the API."""

import ipaddress
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.settings import Settings


class ApiSettings(Settings):
    host: Annotated[str, Field(description="the address to listen on, such as 127.0.0.1")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    max_source_bytes: Annotated[int, Field(ge=1, le=64 << 20)] = 1 << 20
    max_input_bytes: Annotated[int, Field(ge=0, le=64 << 20)] = 1 << 20

    @model_validator(mode="after")
    def _stays_private(self) -> Self:
        # Whoever reaches the API can run programs and send mails from here.
        if not _is_loopback(self.host):
            raise ValueError(
                f"PRECIEUX_HOST is {self.host}, which others can reach, and there are no API keys yet to tell who may"
                " submit: set it to 127.0.0.1 and put an authenticating proxy in front"
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
