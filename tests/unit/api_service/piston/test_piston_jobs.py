"""Jobs of Piston as our programs: versions, files, names and limits."""

import time
from typing import Any, Final

import pytest

from api_service.doors.piston.request import PistonJob, read_files, read_job
from api_service.doors.piston.runtimes import find, is_in, runtimes_of, semantic_version
from api_service.doors.piston.settings import LIMITS, PistonSettings
from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import LanguageCatalog
from shared.engine_api.codex import LimitBounds, SupportedLanguage

_BOUNDS = {
    name: LimitBounds(default=1, max=most)
    for name, most in {
        "cpu_s": 60, "wall_s": 300, "memory_bytes": 2048, "output_bytes": 1 << 20, "processes": 256,
    }.items()
}  # fmt: skip


def _language(code: str, info: str, *extensions: str, **fields: Any) -> SupportedLanguage:
    return SupportedLanguage(
        language=code, info=info, extensions=list(extensions), compiled=True, limits=_BOUNDS, **fields
    )


_RUNTIMES = runtimes_of(
    LanguageCatalog(
        {
            "py": _language("py", "Python 3.13.5", ".py"),
            "c": _language("c", "gcc (Debian 14.2.0-19) 14.2.0", ".c", compiler_args=["-std=*"]),
            "pas": _language("pas", "3.2.2", ".pas"),
            "zz": _language("zz", "no number", ".zz", aliases=["zz", "zed"]),
            "foreign": SupportedLanguage(language="foreign", info="1.0"),
        }
    )
)


def _job(language: str, files: list[dict[str, Any]], **fields: Any) -> PistonJob:
    body = {"language": language, "version": "*", "files": files, **fields}
    limits = '{"run_cpu_time": 5000, "python": {"run_timeout": 9000, "run_memory_limit": 1000, "run_cpu_time": 3000}}'
    settings = PistonSettings(piston_limit_overrides=limits)
    return read_job(body, _RUNTIMES, settings)


@pytest.mark.parametrize(
    ("info", "version"),
    [
        ("Lua 5.4  Copyright", "5.4.0"),
        ("Mono C# compiler version 6.12.0.199", "6.12.0"),
        ("version 07.05.3", "7.5.3"),
        ("openjdk 21", "21.0.0"),
        ("none", "0.0.0"),
    ],
)
def test_a_version_has_three_numbers(info: str, version: str) -> None:
    assert semantic_version(info) == version


def test_runtimes_have_names_of_piston_or_ours() -> None:
    assert [runtime.as_json() for runtime in _RUNTIMES] == [
        {"language": "python", "version": "3.13.5", "aliases": ["py", "py3", "python3", "python3.13"]},
        {"language": "c", "version": "14.2.0", "aliases": ["gcc"], "runtime": "gcc"},
        {"language": "pascal", "version": "3.2.2", "aliases": ["freepascal", "pp", "pas"]},
        {"language": "zz", "version": "0.0.0", "aliases": ["zed"]},
    ]


def test_the_newest_runtime_in_the_range_is_taken() -> None:
    versions = [
        runtimes_of(LanguageCatalog({"py": _language("py", f"Python {version}", ".py")}))[0]
        for version in ("3.9.1", "3.10.2", "2.7.18")
    ]
    found = {
        wanted: find(versions, "py", wanted)
        for wanted in ("*", "3.9.x", "<3", "4", "x" * 300, "latest", "3 || 2", "^3.9.0", ">=3 <3.10", "1 - 3.9.9", "~3")
    }
    assert {wanted: runtime and runtime.version for wanted, runtime in found.items()} == {
        "*": "3.10.2", "3.9.x": "3.9.1", "<3": "2.7.18", "4": None, "x" * 300: None, "latest": None, "3 || 2": "3.10.2",
        "^3.9.0": "3.10.2", ">=3 <3.10": "3.9.1", "1 - 3.9.9": "3.9.1", "~3": "3.10.2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "content", "data"),
    [
        ("base64", "aGk=", b"hi"),
        ("base64", " a-_\n/ ", b"k\xef\xff"),
        ("base64", "aGkaG", b"hi\x1a"),
        ("hex", "6869zz6a", b"hi"),
        ("hex", "686", b"h"),
        ("other", "é", b"\xc3\xa9"),
        (None, "", b""),
    ],
)
def test_contents_are_decoded_as_node_does(encoding: str | None, content: str, data: bytes) -> None:
    [file] = read_files([{"content": content, "encoding": encoding}])
    assert (file.data, file.is_source) == (data, encoding not in ("base64", "hex"))


def test_compilers_get_names_that_they_know() -> None:
    files = [
        {"content": "aA==", "encoding": "base64", "name": "data.c"},
        {"content": "main"},
        {"content": "1", "name": "sum.h"},
        {"content": "2", "name": "lib/sum"},
    ]
    program = _job("c", files).program(1000)
    assert program.entry == "main.c"
    assert list(program.files) == ["data.c", "main.c", "sum.h", "lib/sum.c"]
    assert program.fields["data_files"] == ["data.c"]
    assert program.fields["compiler_args"] == ["-std=c11"]
    taken = _job("pascal", [{"content": "x", "name": "a"}, {"content": "y", "name": "a.pas"}]).program()
    assert list(taken.files) == ["a.pas.pas", "a.pas"]
    # D's compiler refuses `file0.code.d`, since it names the module after the file.
    taken = _job("c", [{"content": "x"}, {"content": "y", "name": "main.c"}]).program()
    assert list(taken.files) == ["main.c.c", "main.c"]
    assert _job("zz", [{"content": "x"}]).program().entry == "main.zz"
    assert _job("py", [{"content": ""}]).program().files == {"file0.code": b"\n"}


def test_limits_become_the_engines() -> None:
    program = _job("py", [{"content": "1"}], run_cpu_time=2500.5, compile_memory_limit=-1).program(70_000)
    assert program.fields["limits"] == {
        "wall_s": 9.0, "cpu_s": 2.5005, "memory_bytes": 1000, "processes": 64, "output_bytes": 70_000,
    }  # fmt: skip
    assert program.fields["compile_limits"] == {"wall_s": 10.0, "cpu_s": 10.0, "output_bytes": 70_000}
    with pytest.raises(ApiError, match=r"^run_timeout cannot exceed the configured limit of 9000$"):
        _job("py", [{"content": "1"}], run_timeout=9001)
    with pytest.raises(ApiError, match=r"^run_memory_limit must be non-negative$"):
        _job("py", [{"content": "1"}], run_memory_limit=-2)


def test_a_languages_own_limit_comes_before_that_of_all() -> None:
    assert _job("c", [{"content": "x"}]).limits["run_cpu_time"] == 5000
    assert _job("py", [{"content": "1"}]).limits["run_cpu_time"] == 3000
    assert PistonSettings().output_bytes == 65_536
    assert PistonSettings(piston_limit_overrides='{"output_max_size": 70000}').output_bytes == 70_000


@pytest.mark.parametrize(
    "overrides",
    ["[]", "{", '{"c": {"timeout": 1}}', '{"c": 1}', '{"run_timeout": 2999}', '{"c": {"output_max_size": 70000}}'],
)
def test_wrong_overrides_are_refused(overrides: str) -> None:
    with pytest.raises(ValueError, match="piston_limit_overrides"):
        PistonSettings(piston_limit_overrides=overrides)


_NO_TEXTS: Final[list[Any]] = [None, "", 5, [], {}]
_NO_LISTS: Final[list[Any]] = [None, "", "x", {}, 5]
_NO_NUMBERS: Final[list[Any]] = [10**400, float("inf"), "3", True, [], {}]
_NO_SOURCES: Final[list[Any]] = [
    [],
    [{"content": "", "encoding": "base64"}],
    [{"content": "", "encoding": "utf-8"}],
]
#: Names that lead out of the folder, or are those of folders, or no text.
_NO_NAMES: Final = ("../x", "a/../../x", "/../x", "x/", ".", "/", "a\0", 5)


def _refusal(change: dict[str, Any]) -> str:
    """Return why a good job is refused after a change."""
    good = {"language": "python", "version": "*", "files": [{"content": "print(1)"}]}
    with pytest.raises(ApiError) as refused:
        read_job(good | change, _RUNTIMES, PistonSettings())
    assert refused.value.kind is Kind.INVALID
    return refused.value.detail


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(({"language": bad, "version": 5}, "language is required as a string") for bad in _NO_TEXTS),
        *(({"version": bad, "files": 5}, "version is required as a string") for bad in _NO_TEXTS),
        *(({"files": bad}, "files is required as an array") for bad in _NO_LISTS),
        ({"files": [{}, {"content": 1}], "language": "x"}, "files[0].content is required as a string"),
        ({"files": [{"content": ""}, {"content": None}]}, "files[1].content is required as a string"),
        ({"files": [None]}, "files[0].content is required as a string"),
        ({"language": "klingon"}, "klingon-* runtime is unknown"),
        ({"language": "Python"}, "Python-* runtime is unknown"),
        ({"version": "notaversion", "files": []}, "python-notaversion runtime is unknown"),
        *(
            ({"files": bad, "run_timeout": "x"}, "files must include at least one utf8 encoded file")
            for bad in _NO_SOURCES
        ),
        (
            {"compile_memory_limit": "1", "run_memory_limit": "1", "run_timeout": "1"},
            "If specified, compile_memory_limit must be a number",
        ),
        ({"run_memory_limit": "1", "compile_timeout": "1"}, "If specified, run_memory_limit must be a number"),
        ({"compile_timeout": 10001, "run_timeout": 1e9}, "compile_timeout cannot exceed the configured limit of 10000"),
        ({"run_timeout": 3001, "run_cpu_time": "x"}, "run_timeout cannot exceed the configured limit of 3000"),
        ({"run_timeout": -1}, "run_timeout must be non-negative"),
        ({"compile_cpu_time": 10000.5}, "compile_cpu_time cannot exceed the configured limit of 10000"),
        *(
            ({"run_cpu_time": bad}, "If specified, run_cpu_time must be a number")
            for bad in _NO_NUMBERS
        ),
    ],
)  # fmt: skip
def test_the_first_fault_is_reported_in_pistons_words(change: dict[str, Any], message: str) -> None:
    assert _refusal(change) == message


@pytest.mark.parametrize(
    "change",
    [
        {"stdin": 5},
        {"stdin": "a\0b"},
        {"args": 5},
        {"args": [{}]},
        {"args": ["a\0b"]},
        *({"files": [{"content": "", "name": bad}]} for bad in _NO_NAMES),
        {"files": [{"content": "", "name": "a"}, {"content": "", "name": "a/b"}]},
        {"files": [{"content": ""}] * 300},
    ],
)
def test_requests_that_crash_piston_are_refused(change: dict[str, Any]) -> None:
    assert _refusal(change)


@pytest.mark.parametrize("limit", [0, "", False, None])
def test_limits_that_are_none_count_as_not_given(limit: object) -> None:
    asked = {name: -1 if name.endswith("memory_limit") else limit for name in LIMITS}
    assert _job("py", [{"content": "1"}], **asked).limits == _job("py", [{"content": "1"}]).limits


def test_white_space_in_a_range_takes_no_time() -> None:
    began = time.process_time()
    assert not is_in("3.11.2", "1.2.3 -" + " " * 248 + "-")
    assert time.process_time() - began < 1
    assert is_in("3.11.2", "  >=3.1\t  <4 ")
