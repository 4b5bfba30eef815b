"""The settings of the object store and its links."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from shared.service.errors import ConfigurationError
from shared.service.settings import ARE_LONG, IS_HTTP_URL, Settings, default_data_dir


class StoreSettings(Settings):
    s3_endpoint_url: Annotated[
        str | None, IS_HTTP_URL, Field(description="the address of an S3 store, http://host:port")
    ] = None
    s3_bucket: str | None = Field(
        default=None, description="the name of the bucket; unset, objects are kept in a folder"
    )
    s3_links: Literal["presigned", "api"] = Field(
        default="presigned", description="who serves links: the S3 store, or the API when users cannot reach the store"
    )
    data_dir: Path = Field(default_factory=default_data_dir, description="the folder of all local state")
    public_url: Annotated[str, IS_HTTP_URL] = Field(
        default="http://127.0.0.1:8000", description="the address under which users reach the API"
    )
    secret_key: SecretStr | None = Field(
        default=None, description="the key that signs links; unset, one is made and kept in the data folder"
    )

    old_secret_keys: Annotated[SecretStr | None, ARE_LONG] = Field(
        default=None, description="earlier secret keys, separated by commas, whose links are still valid"
    )

    @field_validator("secret_key")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("it must have at least 32 characters, as `openssl rand -hex 32` gives")
        return value

    def check(self) -> None:
        """Raise `ConfigurationError` if only a part of the S3 store is set."""
        if self.s3_endpoint_url and not self.s3_bucket:
            raise ConfigurationError(
                "PRECIEUX_S3_ENDPOINT_URL is set but PRECIEUX_S3_BUCKET is not: name the bucket to keep files in, or "
                "unset both to keep them in a folder."
            )
