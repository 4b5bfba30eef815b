"""The parts of a cache key, and the programs that stay in the cache."""

from dataclasses import replace

import pytest

from executor.catalogue.installed import Installed
from executor.languages import known
from executor.pipeline.compile_cache import CompileCache, identity, key_of
from executor.pipeline.plan import plan_source
from executor.sandbox.base import Job, StepResult, WorkFile
from executor.settings import ExecutorSettings
from shared.engine.codex import RunRequest
from tests.fixtures.languages import fake_installed


def _job(source: str = "int main;", language: str = "c", **fields: object) -> Job:
    request = RunRequest.model_validate({"code": source, "language": language, **fields})
    return plan_source(request, fake_installed(language), ExecutorSettings()).job


def test_the_run_step_does_not_change_the_key() -> None:
    assert key_of(_job(input="a", time_limit=1, memory_limit=50 << 20), ["1.0"]) == key_of(_job(), ["1.0"])


def test_everything_that_a_compiler_sees_changes_the_key() -> None:
    job = _job()
    compilation = job.steps[0]
    others = [
        key_of(job, ["1.0"]),
        key_of(job, ["1.1"]),
        key_of(job, ["1.0", "/tool 1 2 3 4"]),
        key_of(_job("int main; "), ["1.0"]),
        key_of(_job(language="cpp"), ["1.0"]),
        key_of(replace(job, files={"other.c": job.files["main.c"]}), ["1.0"]),
        key_of(replace(job, files={**job.files, "second.c": WorkFile(b"")}), ["1.0"]),
        key_of(replace(job, steps=(replace(compilation, argv=(*compilation.argv, "-g")),)), ["1.0"]),
        key_of(replace(job, steps=(replace(compilation, argv=(" ".join(compilation.argv),)),)), ["1.0"]),
        key_of(replace(job, steps=(replace(compilation, environment={}),)), ["1.0"]),
        key_of(replace(job, steps=(replace(compilation, merge_output=False),)), ["1.0"]),
        key_of(replace(job, steps=(replace(compilation, limits=replace(compilation.limits, cpu_s=1)),)), ["1.0"]),
        key_of(replace(job, steps=(replace(compilation, output_bytes=1),)), ["1.0"]),
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


def test_a_kept_compilation_takes_no_time() -> None:
    cache = CompileCache(300_000)
    cache.put(b"a", replace(_compiled(1), cpu_s=1.0, wall_s=2.0, memory_bytes=3, stdout=b"warning"))
    assert cache.get(b"a") == replace(_compiled(1), stdout=b"warning")


def test_the_compilers_output_takes_room_too() -> None:
    cache = CompileCache(100_000)
    cache.put(b"a", replace(_compiled(1), stdout=bytes(100_000)))
    assert cache.get(b"a") is None


def test_the_least_recently_used_program_is_dropped() -> None:
    cache = CompileCache(300_000)
    for key in (b"a", b"b"):
        cache.put(key, _compiled(140_000))
    assert cache.get(b"a")
    cache.put(b"c", _compiled(140_000))
    assert cache.get(b"a")
    assert cache.get(b"b") is None
    assert cache.get(b"c") == _compiled(140_000)


def test_empty_files_take_room_too() -> None:
    cache = CompileCache(100_000)
    for number in range(1000):
        cache.put(str(number).encode(), _compiled(0))
    assert cache.get(b"0") is None
    assert 10 < sum(cache.get(str(number).encode()) is not None for number in range(1000)) < 100


def test_the_same_key_again_replaces_the_program() -> None:
    cache = CompileCache(300_000)
    for _ in range(10):
        cache.put(b"a", _compiled(100_000))
    cache.put(b"b", _compiled(100_000))
    assert cache.get(b"a")
    assert cache.get(b"b")


def test_a_cache_without_room_is_off() -> None:
    cache = CompileCache(0)
    assert cache.largest == 0
    cache.put(b"a", _compiled(1))
    assert cache.get(b"a") is None
