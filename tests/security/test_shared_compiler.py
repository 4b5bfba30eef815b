"""Sources in the shared compiler cannot affect each other."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from executor.host import find_mechanisms
from executor.languages import known
from executor.sandbox.base import StepResult
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.warm import shared_compiler
from executor.warm.shared_compiler import SharedCompiler
from tests.fixtures.languages import really_installed
from tests.waiting import eventually

_JAVA = known()["java"]

pytestmark = [pytest.mark.security, pytest.mark.skipif(not _JAVA.toolchain(), reason="there is no Java here")]

_READY_S = 60
_DEEP = f"class Deep {{ int x = {' + '.join(['1'] * 20000)}; }}"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def compiler(cache: Path) -> AsyncIterator[SharedCompiler]:
    mechanisms = find_mechanisms(ExecutorSettings().tuned(cache_dir=cache))
    sandbox = BubblewrapSandbox(mechanisms)
    java = really_installed("java")
    try:
        await sandbox.start()
        assert _JAVA.compile
        argv = java.command(_JAVA.compile.shared)
        shared = SharedCompiler(sandbox.run, argv, java.environment, idle_s=60)
        await _until_up(shared)
        yield shared
        await shared.aclose()
    finally:
        await sandbox.aclose()


async def _until_up(shared: SharedCompiler) -> None:
    async def is_up() -> bool:
        return await _compile(shared, "class A {}") is not None

    await eventually(is_up, _READY_S)


async def _compile(shared: SharedCompiler, source: str) -> StepResult | None:
    return await shared.compile("Main.java", source.encode(), 65536)


async def test_a_source_sees_nothing_of_earlier_ones(compiler: SharedCompiler) -> None:
    first = await _compile(compiler, "class Secret { static final int KEY = 4711; }")
    assert first
    assert set(first.compiled_files) == {"Secret.class"}
    second = await _compile(compiler, "class Main { int key = Secret.KEY; }")
    assert second
    assert (second.exit_code, second.compiled_files) == (1, {})
    assert b"cannot find symbol" in second.stdout
    assert b"4711" not in second.stdout


@pytest.mark.slow
async def test_sources_may_have_classes_of_the_same_name(
    compiler: SharedCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_compiler, "_QUEUE_S", 60.0)  # the last one waits long on a busy machine
    sources = [f'class Main {{ String name = "number {number}"; }}' for number in range(20)]
    ended = await asyncio.gather(*(_compile(compiler, source) for source in sources))
    for number, each in enumerate(ended):
        assert each
        assert f"number {number}".encode() in each.compiled_files["Main.class"].content


@pytest.mark.slow
async def test_a_source_that_kills_the_shared_compiler_is_handed_on(compiler: SharedCompiler) -> None:
    assert await _compile(compiler, _DEEP) is None
    assert await _compile(compiler, "class A {}")
