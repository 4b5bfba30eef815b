"""The S3 store against a server: what it requests, and how it handles refusals and silence."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from precieux.host.ports import free_ports
from shared.adapters.storage.s3 import S3Store
from shared.common.service.errors import ObjectNotFound, StoreUnavailable
from tests.fixtures.s3 import S3Service


@pytest.fixture
async def store(s3: S3Service, s3_bucket: str) -> AsyncIterator[S3Store]:
    store = S3Store(s3_bucket, s3.endpoint_url)
    yield store
    await store.close()


async def test_a_missing_bucket_is_made_and_its_objects_are_private(
    s3: S3Service, s3_bucket: str, store: S3Store
) -> None:
    await store.put("12.py", b"x", content_type="text/x-python")

    client = boto3.client("s3", endpoint_url=s3.endpoint_url)
    assert client.head_object(Bucket=s3_bucket, Key="12.py")["ContentType"] == "text/x-python"
    try:
        grants = client.get_object_acl(Bucket=s3_bucket, Key="12.py")["Grants"]
        assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]  # the owner's
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "NotImplemented":  # a store without ACLs cannot be opened up
            raise
    client.close()


async def test_a_bucket_that_is_not_made_yet_has_no_objects(store: S3Store) -> None:
    """At the first start, the cleaner looks before anything is stored."""
    assert [page async for page in store.keys("sources")] == []


async def test_two_starts_at_once_both_find_their_bucket(s3: S3Service, s3_bucket: str) -> None:
    stores = [S3Store(s3_bucket, s3.endpoint_url) for _ in range(2)]
    await asyncio.gather(*(store.put(f"{number}.py", b"x") for number, store in enumerate(stores)))
    for store in stores:
        await store.close()


async def test_a_presigned_link_gives_the_object_for_a_week(store: S3Store) -> None:
    await store.put("results/12.txt", b"output")
    link = await store.link("results/12.txt")

    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["604800"]
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(link)).content == b"output"


async def test_a_store_that_is_down_is_unavailable_soon(s3: S3Service) -> None:
    (port,) = free_ports(1)
    store = S3Store("files", f"http://127.0.0.1:{port}")
    before = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.get("12.py")
    with pytest.raises(StoreUnavailable):
        await store.put("12.py", b"x")
    assert time.monotonic() - before < 20
    await store.close()


async def test_a_store_that_comes_up_late_is_used_without_a_restart(store: S3Store) -> None:
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        await store.get("12.py")
    await store.put("12.py", b"x")
    assert await store.get("12.py") == b"x"
    with pytest.raises(ObjectNotFound):
        await store.get("13.py")


async def test_a_server_that_does_not_speak_s3_is_unavailable(s3: S3Service) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n<html>")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, family=socket.AF_INET)
    async with server:
        store = S3Store("files", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(StoreUnavailable):
            await store.get("12.py")
        await store.close()
