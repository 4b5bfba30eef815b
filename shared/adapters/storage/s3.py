"""The object store on S3, or on a server with the same protocol, by boto3.

boto3 blocks, and a client takes 0.1 s or more to make. So one client is made at start, and used from a pool of threads
(threads may share a client, but not a session).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError

from shared.adapters.storage.base import LINK_SECONDS
from shared.adapters.storage.keys import checked
from shared.adapters.storage.signing import LinkSigner
from shared.common.files.content import Content
from shared.common.service.errors import ConfigurationError, ObjectNotFound, StoreUnavailable
from shared.common.service.logging import get_logger

if TYPE_CHECKING:
    from botocore.paginate import PageIterator
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

log = get_logger(__name__)
T = TypeVar("T")

_THREADS: Final = 16
#: Pieces of 8 MiB, one at a time.
_IN_PIECES: Final = TransferConfig(use_threads=False)
_MISSING_OBJECT: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_BEYOND_THE_END: Final = frozenset({"InvalidRange", "416"})
_MISSING_BUCKET: Final = frozenset({"NoSuchBucket", "404", "NotFound"})
_ALREADY_THERE: Final = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


class S3Store:
    """A store on S3. boto3 finds the credentials and the region (`AWS_ACCESS_KEY_ID`, profiles, instance roles, ...).

    Raise `StoreUnavailable` if it finds none now, and may find them later.

    Links are presigned. With `links`, the API serves them, for a store that readers of mails cannot reach.
    """

    def __init__(self, bucket: str, endpoint_url: str | None = None, links: LinkSigner | None = None) -> None:
        self._bucket = bucket
        self._links = links
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")
        self._bucket_checked = False
        try:
            self._client = _connect(endpoint_url)
        except CredentialRetrievalError as exc:
            # The service that gives them, such as that of a container, may be slower to start than we are.
            raise StoreUnavailable(f"The credentials for S3 cannot be had now: {exc}.") from exc
        except (BotoCoreError, ValueError) as exc:
            raise ConfigurationError(
                f"The S3 client cannot be made, see PRECIEUX_S3_ENDPOINT_URL and the variables AWS_*: {exc}."
            ) from exc

    async def put(self, key: str, data: Content, *, content_type: str = "application/octet-stream") -> None:
        await self._call(lambda: self._put(checked(key), data, content_type))

    async def get(self, key: str) -> bytes:
        return await self._call(lambda: self._read(checked(key)), key)

    async def read(self, key: str, start: int, length: int) -> bytes:
        part = f"bytes={start}-{start + length - 1}"
        return await self._call(lambda: self._read(checked(key), Range=part), key)

    async def size(self, key: str) -> int:
        return await self._call(
            lambda: self._client.head_object(Bucket=self._bucket, Key=checked(key))["ContentLength"], key
        )

    async def link(self, key: str) -> str:
        parameters = {"Bucket": self._bucket, "Key": checked(key)}
        if self._links is not None:
            return self._links.link(key, expires=int(time.time()) + LINK_SECONDS)
        return await self._call(
            lambda: self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=LINK_SECONDS)
        )

    async def delete(self, key: str) -> None:
        await self._call(lambda: self._client.delete_object(Bucket=self._bucket, Key=checked(key)))

    async def delete_prefix(self, prefix: str) -> None:
        await self._call(lambda: self._delete_prefix(checked(prefix)))

    async def keys(self, folder: str) -> AsyncGenerator[list[str]]:
        pages = iter(self._pages(f"{checked(folder)}/", Delimiter="/"))
        while (page := await self._call(lambda: _next(pages))) is not None:
            yield [entry["Key"] for entry in page.get("Contents", ())]

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _put(self, key: str, data: Content, content_type: str) -> None:
        self._make_bucket_once()
        if isinstance(data, bytes):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type, ACL="private")
        else:
            data.seek(0)
            more = {"ContentType": content_type, "ACL": "private"}
            self._client.upload_fileobj(data, self._bucket, key, ExtraArgs=more, Config=_IN_PIECES)

    def _read(self, key: str, **part: Any) -> bytes:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key, **part)["Body"].read()
        except ClientError as exc:
            if part and _code(exc) in _BEYOND_THE_END:
                return b""
            raise

    def _delete_prefix(self, prefix: str) -> None:
        for page in self._pages(prefix):
            for entry in page.get("Contents", ()):
                self._client.delete_object(Bucket=self._bucket, Key=entry["Key"])

    def _pages(self, prefix: str, **options: Any) -> "PageIterator[ListObjectsV2OutputTypeDef]":
        return self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, **options)

    def _make_bucket_once(self) -> None:
        """Make the bucket before the first put, so that a process can start while the store is down."""
        if self._bucket_checked:
            return
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as exc:
            if _code(exc) in _MISSING_BUCKET:
                self._make_bucket()
            # If we may not look at the bucket (403), we may still be allowed to put objects.
        self._bucket_checked = True

    def _make_bucket(self) -> None:
        region = self._client.meta.region_name
        # S3 does not accept its default region as a constraint.
        where: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._client.create_bucket(Bucket=self._bucket, **where)
            log.info("store.bucket_created", bucket=self._bucket)
        except ClientError as exc:
            if _code(exc) not in _ALREADY_THERE:
                raise

    async def _call(self, function: Callable[[], T], key: str | None = None) -> T:
        """Call a function in a thread. Raise `ObjectNotFound` if it needs the object `key`, and there is none."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function)
        except (ClientError, Boto3Error, BotoCoreError, OSError) as exc:
            if key is not None and isinstance(exc, ClientError) and _code(exc) in _MISSING_OBJECT:
                raise ObjectNotFound(f"The store holds no object {key}.") from exc
            raise StoreUnavailable(f"The S3 store failed: {exc}.") from exc


def _connect(endpoint_url: str | None) -> "S3Client":
    session = boto3.session.Session()
    # A client without them never looks for them again.
    if session.get_credentials() is None:
        advice = (
            "PRECIEUX_S3_BUCKET is set, but there are no credentials for S3: set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY, or give boto3 a profile or an instance role."
        )
        # The role of an instance at AWS may not be ready yet.
        raise StoreUnavailable(advice) if endpoint_url is None else ConfigurationError(advice)
    return session.client(
        "s3",
        endpoint_url=endpoint_url,
        # A signature needs a region, and self-hosted stores have none.
        region_name=None if endpoint_url is None else session.region_name or "us-east-1",
        config=Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 3, "mode": "standard"},
            max_pool_connections=_THREADS,
            # Bucket names in the host name need DNS, which self-hosted stores rarely have.
            s3={"addressing_style": "path" if endpoint_url else "auto"},
        ),
    )


def _next(pages: "Iterator[ListObjectsV2OutputTypeDef]") -> "ListObjectsV2OutputTypeDef | None":
    """Return the next page; None at the end, and if there is no bucket yet, because the first put makes it."""
    try:
        return next(pages, None)
    except ClientError as exc:
        if _code(exc) in _MISSING_BUCKET:
            return None
        raise


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
