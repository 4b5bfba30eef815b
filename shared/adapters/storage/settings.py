"""The settings of the object store and its links."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from shared.common.service.errors import ConfigurationError
from shared.common.service.settings import ARE_LONG, IS_HTTP_URL, Settings, default_data_dir


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
    secret_key: Annotated[SecretStr | None, ARE_LONG] = Field(
        default=None,
        description="the key that signs links; unset, one is made and kept in the data folder. After it, separated by"
        " commas, earlier keys whose links are still valid",
    )

    def check(self) -> None:
        """Raise `ConfigurationError` if only a part of the S3 store is set."""
        if self.s3_endpoint_url and not self.s3_bucket:
            raise ConfigurationError(
                "PRECIEUX_S3_ENDPOINT_URL is set but PRECIEUX_S3_BUCKET is not: name the bucket to keep files in, or "
                "unset both to keep them in a folder."
            )
