"""What an operator may set about the API."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from shared.settings import Settings


class ApiSettings(Settings):
    host: Annotated[str, Field(description="the address to listen on, such as 127.0.0.1")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    max_source_bytes: Annotated[int, Field(ge=1, le=64 << 20)] = 1 << 20
    max_input_bytes: Annotated[int, Field(ge=0, le=64 << 20)] = 1 << 20
    api_keys: SecretStr | None = Field(
        default=None, description="the operator's keys, separated by commas, each of at least 32 characters"
    )
    local_key: SecretStr | None = Field(
        default=None, description="the key of this machine's command line; `precieux up` makes and sets one"
    )
    key_budget: Annotated[int, Field(ge=1, description="submissions that one key may make an hour")] = 6000
    max_backlog: Annotated[int, Field(ge=1, description="unanswered requests at which submissions are put off")] = (
        100_000
    )
    recipient_budget: Annotated[int, Field(ge=1, description="executions mailed to one address an hour")] = 600

    @field_validator("api_keys")
    @classmethod
    def _are_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(len(key) < 32 for key in _split(value)):
            raise ValueError("each key must have at least 32 characters; `openssl rand -hex 32` makes one")
        return value

    @property
    def operator_keys(self) -> tuple[str, ...]:
        return _split(self.api_keys) if self.api_keys else ()


def _split(keys: SecretStr) -> tuple[str, ...]:
    return tuple(key.strip() for key in keys.get_secret_value().split(",") if key.strip())
