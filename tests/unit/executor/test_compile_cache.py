"""The parts of a cache key, the programs that stay in the cache, and those who wait for one."""

import asyncio
from dataclasses import replace

import pytest

from executor.catalogue.installed import Installed
from executor.languages import known
from executor.pipeline.compile_cache import CompileCache, identity, key_of
from executor.pipeline.plan import plan_source
from executor.sandbox.base import Job, SandboxFailure, StepResult, WorkFile
from executor.settings import ExecutorSettings
from shared.engine_api.codex import RunRequest
from tests.fixtures.languages import fake_installed


def _job(source: str = "int main;", language: str = "c", **fields: object) -> Job:
    request = RunRequest.model_validate({"code": source, "language": language, **fields})
    compilation = plan_source(request, fake_installed(language), ExecutorSettings()).compilation
    assert compilation
    return compilation


def test_the_run_step_does_not_change_the_key() -> None:
    assert key_of(_job(input="a", time_limit=1, memory_limit=50 << 20), ["1.0"]) == key_of(_job(), ["1.0"])


def test_everything_that_a_compiler_sees_changes_the_key() -> None:
    job = _job()
    compilation = job.step
    others = [
        key_of(job, ["1.0"]),
        key_of(job, ["1.1"]),
        key_of(job, ["1.0", "/tool 1 2 3 4"]),
        key_of(_job("int main; "), ["1.0"]),
        key_of(_job(language="cpp"), ["1.0"]),
        key_of(replace(job, files={"other.c": job.files["main.c"]}), ["1.0"]),
        key_of(replace(job, files={**job.files, "second.c": WorkFile(b"")}), ["1.0"]),
        key_of(replace(job, step=replace(compilation, argv=(*compilation.argv, "-g"))), ["1.0"]),
        key_of(replace(job, step=replace(compilation, argv=(" ".join(compilation.argv),))), ["1.0"]),
        key_of(replace(job, step=replace(compilation, environment={})), ["1.0"]),
        key_of(replace(job, step=replace(compilation, merge_output=False)), ["1.0"]),
        key_of(replace(job, step=replace(compilation, limits=replace(compilation.limits, cpu_s=1))), ["1.0"]),
        key_of(replace(job, step=replace(compilation, output_bytes=1)), ["1.0"]),
    ]
    assert None not in others
    assert len(set(others)) == len(others)


def test_a_toolchain_is_identified_by_its_version_and_files() -> None:
    installed = Installed(known()["c"], {"gcc": "/bin/sh", "gold": "-fuse-ld=gold"}, "gcc 12")
    assert identity(installed) == identity(Installed(known()["c"], {"gcc": "/bin/sh"}, "gcc 12"))
    assert identity(installed) != identity(replace(installed, info="gcc 13"))
    assert identity(installed) != identity(replace(installed, tools={"gcc": "/bin/cat"}))
    assert identity(replace(installed, tools={"gcc": "/gone"})) == ("gcc 12", "/gone")


@pytest.mark.parametrize(
    "source",
    [
        "puts(__TIME__);",
        'x = __DATE__ ""',
        "__TIMESTAMP__",
        "{$I %date%}",
        "puts(__TI\\\nME__);",  # C splices lines
        "puts(__TI??/\nME__);",
        "#define TIME _(__TI##ME__)",
        'mixin("__TI" ~ "ME__")',
        "db __?TIME?__",
        "db __?utc_date_num?__",
        "dq __POSIX_TIME__",
        "display function when-compiled",
        "Put (GNAT.Source_Info.Compilation_ISO_Date);",
    ],
)
def test_a_source_that_uses_the_time_has_no_key(source: str) -> None:
    assert key_of(_job(source), ["1.0"]) is None


@pytest.mark.parametrize("source", ["int time, date;", "clock_gettime(); update();", "__time(x);", "%d time"])
def test_other_sources_have_a_key(source: str) -> None:
    assert key_of(_job(source), ["1.0"])


def _compiled(size: int) -> StepResult:
    compiled_files = {"main": WorkFile(bytes(size), 0o755)}
    return StepResult(0, compiled_files=compiled_files)


def test_the_compilers_output_takes_room_too() -> None:
    cache = CompileCache(100_000)
    cache.share(b"a", replace(_compiled(1), stdout=bytes(100_000)))
    assert cache.get(b"a") is None


def test_the_least_recently_used_program_is_dropped() -> None:
    cache = CompileCache(240_000)
    for key in (b"a", b"b", b"c", b"d", b"e", b"f", b"g"):
        cache.share(key, _compiled(30_000))
    assert cache.get(b"a")
    cache.share(b"h", _compiled(30_000))
    assert cache.get(b"a")
    assert cache.get(b"b") is None
    assert cache.get(b"h") == _compiled(30_000)


def test_small_files_take_room_too() -> None:
    cache = CompileCache(100_000)
    for number in range(1000):
        cache.share(str(number).encode(), _compiled(1))
    assert cache.get(b"0") is None
    assert 10 < sum(cache.get(str(number).encode()) is not None for number in range(1000)) < 100


def test_each_small_file_takes_room() -> None:
    """An entry with many of them takes more than their contents."""
    cache = CompileCache(1 << 20)
    files = {f"{number}": WorkFile(b"x") for number in range(3000)}
    cache.share(b"a", StepResult(0, compiled_files=files))
    assert cache.get(b"a") is None
    cache.share(b"a", StepResult(0, compiled_files=dict(list(files.items())[:1000])))
    assert cache.get(b"a")


async def _compile(cache: CompileCache, result: StepResult | None, began: asyncio.Event) -> StepResult | None:
    """Compile with the key `a`, and return how: with what the cache knew, or after two turns of the loop with `result`.
    None fails."""
    async with cache.once(b"a") as known:
        if known:
            return known
        began.set()
        for _ in range(2):
            await asyncio.sleep(0)
        if result is None:
            raise SandboxFailure("it fails")
        cache.share(b"a", result)
        return None


async def _compile_beside(first: StepResult | None, cache: CompileCache) -> list[object]:
    """Compile once, and three times beside that. Return how the three went."""
    began = asyncio.Event()
    leader = asyncio.create_task(_compile(cache, first, began))
    await began.wait()
    others = [asyncio.create_task(_compile(cache, _compiled(1), asyncio.Event())) for _ in range(3)]
    await asyncio.gather(leader, return_exceptions=True)
    return await asyncio.gather(*others)


@pytest.mark.parametrize("result", [_compiled(1), _compiled(50_000), StepResult(1, stdout=b"an error")])
async def test_who_comes_meanwhile_gets_what_a_source_gave(result: StepResult) -> None:
    """Files that are too large to be kept too, and the compiler's errors."""
    cache = CompileCache(300_000)
    assert await _compile_beside(replace(result, cpu_s=1.0, waited_s=1.0), cache) == [result] * 3
    assert cache.get(b"a") == (result if result == _compiled(1) else None)


@pytest.mark.parametrize("result", [StepResult(None, 9, stopped="wall"), StepResult(None, 9), StepResult(0)])
async def test_what_no_source_gave_is_for_nobody_else(result: StepResult) -> None:
    """It was stopped, or killed, or its files could not be collected. So each compiles."""
    assert await _compile_beside(result, CompileCache(300_000)) == [None] * 3


async def test_the_next_one_compiles_if_the_first_fails() -> None:
    assert await _compile_beside(None, CompileCache(300_000)) == [None, _compiled(1), _compiled(1)]


async def test_the_next_one_compiles_if_the_first_is_cancelled() -> None:
    cache, began = CompileCache(300_000), asyncio.Event()
    leader = asyncio.create_task(_compile(cache, _compiled(1), began))
    await began.wait()
    others = [asyncio.create_task(_compile(cache, _compiled(1), asyncio.Event())) for _ in range(3)]
    await asyncio.sleep(0)
    others[0].cancel()
    leader.cancel()
    assert await asyncio.gather(*others[1:]) == [None, _compiled(1)]


async def test_other_sources_do_not_wait() -> None:
    cache = CompileCache(300_000)
    async with cache.once(b"a"), cache.once(b"b") as b, cache.once(None) as none, cache.once(None) as other:
        assert (b, none, other) == (None, None, None)
