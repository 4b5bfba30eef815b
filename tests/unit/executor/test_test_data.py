"""The data of tests that an executor keeps on its disk."""

import errno
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from pydantic import SecretStr

from executor.pipeline.run import Pipeline
from executor.sandbox.base import StepResult
from executor.settings import ExecutorSettings
from executor.test_data import TestDataCache
from shared.engine_api.codex import Verdict
from tests.fixtures.executor_app import PlayedPipeline, http_client, played_app
from tests.fixtures.sandbox import FakeSandbox, run_tests

TEXTS = [b"one", b"two", b"six"]
DIGESTS = [hashlib.sha256(text).hexdigest() for text in TEXTS]


async def chunks(text: bytes) -> AsyncIterator[bytes]:
    for byte in text:
        yield bytes([byte])


def names_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.fixture
async def data(tmp_path: Path) -> TestDataCache:
    """Return data with room for two files, that has two."""
    kept = TestDataCache(tmp_path, 6)
    for digest, text in zip(DIGESTS[:2], TEXTS, strict=False):
        assert await kept.store(digest, chunks(text))
    return kept


async def test_what_was_used_least_recently_goes(data: TestDataCache) -> None:
    assert data.missing(DIGESTS + DIGESTS) == [DIGESTS[2]]
    assert await data.read(DIGESTS[0]) == b"one"
    await data.store(DIGESTS[2], chunks(TEXTS[2]))
    assert data.missing(DIGESTS) == [DIGESTS[1]]


async def test_what_has_just_come_goes_last(data: TestDataCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executor.test_data.monotonic", lambda: monotonic() + 301)
    await data.store(DIGESTS[2], chunks(TEXTS[2]))
    assert data.missing(DIGESTS) == [DIGESTS[0]]
    # What has just come is now used least recently.
    await data.read(DIGESTS[1])
    await data.store(DIGESTS[0], chunks(TEXTS[0]))
    assert data.missing(DIGESTS) == [DIGESTS[1]]


async def test_what_a_run_holds_pushes_nothing_out(data: TestDataCache) -> None:
    with data.hold(DIGESTS[:2]):
        for text in (b"a" * 3, b"b" * 3):
            await data.store(hashlib.sha256(text).hexdigest(), chunks(text))
            assert data.missing([hashlib.sha256(b"aaa").hexdigest()]) == []


async def test_what_a_run_holds_stays(data: TestDataCache) -> None:
    with data.hold(DIGESTS[:2]):
        await data.store(DIGESTS[2], chunks(TEXTS[2]))
        assert data.missing(DIGESTS) == []
    assert data.missing(DIGESTS) == [DIGESTS[0]]


async def test_data_with_another_digest_is_not_kept(data: TestDataCache, tmp_path: Path) -> None:
    before = names_in(tmp_path)
    assert not await data.store(DIGESTS[2], chunks(b"other"))
    assert data.missing(DIGESTS) == [DIGESTS[2]]
    assert names_in(tmp_path) == before


@pytest.mark.parametrize("has_folder", [True, False])
async def test_folders_of_dead_processes_are_removed(
    data: TestDataCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_folder: bool
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = tmp_path / "precieux-tests-dead"
    dead.mkdir()
    (dead / "lock").touch()
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: dead.stat().st_uid + 1)
        assert await TestDataCache(tmp_path if has_folder else None, 6).store(DIGESTS[0], chunks(TEXTS[0]))
        assert dead.exists()
    assert await TestDataCache(tmp_path if has_folder else None, 6).store(DIGESTS[0], chunks(TEXTS[0]))
    assert not dead.exists()
    assert await data.read(DIGESTS[0]) == b"one"


async def test_a_run_says_what_it_lacks_and_is_sent_that(data: TestDataCache) -> None:
    pipeline: Any = SimpleNamespace(test_data=data)
    async with http_client(played_app(pipeline, settings=ExecutorSettings(max_test_bytes=3))) as client:
        tests = [{"stdin_sha256": DIGESTS[2], "expected_sha256": DIGESTS[0]}]
        program = {"language": "py", "files": [{"path": "main.py", "content": "1"}], "tests": tests}
        answer = await client.post("/run", json=program)
        assert answer.text.splitlines() == [
            f'{{"event":"missing","digests":["{DIGESTS[2]}"]}}', '{"event":"finished"}',
        ]  # fmt: skip
        path = f"/test-data/{DIGESTS[2]}"
        assert (await client.put(path, content=b"other")).status_code == 413
        assert (await client.put(path, content=b"oth")).status_code == 422
        assert (await client.put(path, content=TEXTS[2])).status_code == 204
    assert await data.read(DIGESTS[2]) == TEXTS[2]


async def test_what_a_run_has_found_stays(data: TestDataCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_and_make_room(digests: Collection[str]) -> list[str]:
        missing = TestDataCache.missing(data, digests)
        data._make_room(6)
        return missing

    monkeypatch.setattr(data, "missing", find_and_make_room)
    pipeline: Any = PlayedPipeline()
    pipeline.test_data = data
    program = {
        "language": "py",
        "files": [{"path": "main.py", "content": "1"}],
        "tests": [{"stdin_sha256": DIGESTS[0]}],
    }
    async with http_client(played_app(pipeline)) as client:
        assert '"event":"test"' in (await client.post("/run", json=program)).text
    assert TestDataCache.missing(data, DIGESTS[:1]) == []


async def test_a_digest_takes_the_place_of_its_own_text_alone(data: TestDataCache) -> None:
    pipeline = Pipeline(FakeSandbox(lambda job: StepResult(0, stdout=b"one")), ExecutorSettings())
    pipeline.test_data = data
    by_digest = {"stdin_sha256": DIGESTS[1]}
    tests = [by_digest, {**by_digest, "expected_output": "one"}, {"stdin": "1", "expected_sha256": DIGESTS[1]}]
    ended = await run_tests(pipeline, "py", tests=tests)
    assert [event.verdict for event in ended] == [Verdict.OK, Verdict.ACCEPTED, Verdict.WRONG_ANSWER]
    sent = [job.step.stdin for job in pipeline._sandbox.jobs]  # type: ignore[attr-defined]
    assert sent == [b"two", b"two", b"1"]


async def test_a_full_disk_is_told(data: TestDataCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names_in(tmp_path)
    monkeypatch.setattr(os, "rename", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    pipeline: Any = SimpleNamespace(test_data=data)
    async with http_client(played_app(pipeline)) as client:
        answer = await client.put(f"/test-data/{DIGESTS[2]}", content=TEXTS[2])
    assert (answer.status_code, "its disk is full" in answer.json()["error"]) == (507, True)
    assert set(names_in(tmp_path)) <= set(before)


async def test_each_text_of_a_test_is_read_once(data: TestDataCache) -> None:
    pipeline = Pipeline(FakeSandbox(lambda job: StepResult(0, stdout=b"one")), ExecutorSettings())
    reads: list[str] = []

    async def read(digest: str) -> bytes:
        reads.append(digest)
        return await data.read(digest)

    pipeline.test_data = SimpleNamespace(read=read)  # type: ignore[assignment]
    (event,) = await run_tests(pipeline, "py", tests=[{"stdin_sha256": DIGESTS[1], "expected_sha256": DIGESTS[0]}])
    assert (event.verdict, reads) == (Verdict.ACCEPTED, [DIGESTS[1], DIGESTS[0]])


async def test_only_who_has_the_token_may_send_data(data: TestDataCache) -> None:
    pipeline: Any = SimpleNamespace(test_data=data)
    settings = ExecutorSettings(codex_token=SecretStr("secret"))
    async with http_client(played_app(pipeline, settings=settings)) as client:
        assert (await client.put(f"/test-data/{DIGESTS[2]}", content=TEXTS[2])).status_code == 401
    assert data.missing(DIGESTS) == [DIGESTS[2]]


def test_a_cache_without_room_for_a_test_is_refused() -> None:
    with pytest.raises(ValueError, match="PRECIEUX_TEST_DATA_CACHE_BYTES is below 67108870, which is 64 MiB and twice"):
        ExecutorSettings(max_test_bytes=3, test_data_cache_bytes=0)
