"""Every key of a submission's body: good values, the default, null, and bad values with the place of the fault."""

import json
from dataclasses import replace
from typing import Any

import pytest

from api_service.http.errors import Fault
from api_service.languages.catalog import LanguageCatalog
from api_service.v1.body.defaults import BodyPath
from api_service.v1.body.program import UploadedFiles
from api_service.v1.body.rules import validate_submission
from shared.common.files.archives import unpack
from tests.unit.api_service.samples import BASE, FOREIGN, TERMS, faults_of, pointers_of, validated

FILES = [{"path": "a.py", "content": "import b"}, {"path": "b/__init__.py", "content": "x"}]


def with_files(*files: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"language": "py", "files": list(files), **keys}


@pytest.mark.parametrize(
    ("name", "code", "path"),
    [
        ("py", "py", "main.py"), ("PY", "py", "main.py"), ("Python", "py", "main.py"), ("pYthon3", "py", "main.py"),
        ("java", "java", "Main.java"),
        ("sh", "bash", "main.sh"), ("BASH", "bash", "main.sh"), ("C++", "cpp", "main.cpp"),
        ("cpp20", "cpp20", "main.cpp"), ("c++20", "cpp20", "main.cpp"),
    ],
)  # fmt: skip
def test_a_language_has_many_names(name: str, code: str, path: str) -> None:
    new = validated({**BASE, "language": name})
    assert (new.language, new.filename) == (code, path)


GOOD: list[dict[str, Any]] = [
    {"source": "x" * 1000},
    {"stdin": "x" * 100},
    {"args": ["", "a b", "س"]},
    {"args": [""] * 256},
    {"args": ["x" * 32768]},
    {"language": "cpp", "compiler_args": ["-O2", "-std=c++20"]},
    {"limits": {"cpu_s": 10, "wall_s": 0.5, "memory_bytes": 1 << 30, "output_bytes": 1, "processes": 1}},
    {"limits": {"processes": 2.0}},
    {"expected_output": ""},
    {"checker": {"kind": "float", "tolerance": 0}},
    {"checker": {"kind": "float", "tolerance": 1}},
    {"tests": [{}] * 100},
    {"tests": [{"name": "", "stdin": "1", "args": ["a"], "expected_output": "", "hidden": True, "points": 0}]},
    {"tests": [{"name": "x" * 100, "points": 1000, "limits": {"cpu_s": 9.5}}]},
    {"metadata": {"x" * 40: "y" * 500, "a-B_9": ""}},
    {"metadata": {str(number): "" for number in range(16)}},
]


@pytest.mark.parametrize("change", GOOD, ids=lambda change: json.dumps(change)[:50])
def test_good_values_are_accepted(change: dict[str, Any]) -> None:
    validated({**BASE, **change})


A, B = "\ud800", "a\0b"
#: Bad keys of a submission, by the place of their only fault.
BAD: dict[str, list[dict[str, Any]]] = {
    "": [{"source": None}, {"files": FILES}],
    "/language": [{"language": None}, {"language": "cobol"}, {"language": " py"}],
    "/source": [{"source": bad} for bad in ("", "\ufeff\u3000\n", " \n\t", B, "x" * 1001, "س" * 501)],
    "/entry": [{"entry": "main.py"}],
    "/stdin": [{"stdin": B}, {"stdin": "x" * 101}, {"stdin": "س" * 51}, {"tests": [{}], "stdin": "x"}],
    "/args": [
        {"args": [""] * 257}, {"args": ["x" * 32769]}, {"args": ["س" * 8192, "س" * 8193]}, {"tests": [{}], "args": []},
    ],
    "/args/0": [{"args": [1]}],
    "/args/1": [{"args": ["a", None]}],
    "/compiler_args/0": [
        {"language": "cpp", "compiler_args": ["-O3"]}, {"language": "java", "compiler_args": ["-O2"]}
    ],
    "/limits/cpu": [{"limits": {"cpu": 1}}],
    **{
        f"/limits/{name}": [{"limits": {name: bad}} for bad in (0, -1, "1", True, 1e18, 10**30, *others)]
        for name, others in {
            "cpu_s": (10.1, float("nan"), float("inf")), "wall_s": (), "memory_bytes": (1.5,), "output_bytes": (1.5,),
            "processes": (1.5,),
        }.items()
    },
    "/expected_output": [{"tests": [{}], "expected_output": ""}],
    "/checker/kind": [{"checker": {"kind": "Exact"}}],
    "/checker/tolerance": [{"checker": {"kind": "float", "tolerance": bad}} for bad in (1.01, -1e-9, float("nan"))],
    "/tests": [{"tests": []}, {"tests": [{}] * 101}],
    "/tests/1": [{"tests": [{}, None]}],
    "/tests/1/name": [{"tests": [{}, {"name": "x" * 101}]}],
    "/tests/3/stdin": [{"tests": [{}, {}, {}, {"stdin": 5}]}],
    "/tests/0/stdin": [{"tests": [{"stdin": "x" * 101}]}],
    "/tests/0/args/1": [{"tests": [{"args": ["a", 1]}]}],
    "/tests/0/limits/cpu_s": [{"tests": [{"limits": {"cpu_s": 11}}]}],
    "/tests/0/points": [{"tests": [{"points": bad}]} for bad in (-0.5, 1000.5, float("inf"))],
    "/email": [{"email": "nobody"}, {"email": "a@refused.example.com"}],
    "/locale": [{"locale": "de"}],
    "/receipt": [{"receipt": True}],
    "/webhook_url": [{"webhook_url": "ftp://example.com/"}, {"webhook_url": "http://[::ffff:127.0.0.1]/"}],
    "/metadata": [{"metadata": {str(number): "" for number in range(17)}}],
    "/metadata/a": [{"metadata": {"a": bad}} for bad in (1, None, "x" * 501)],
    "/metadata/": [{"metadata": {"": "x"}}],
    f"/metadata/{'x' * 41}": [{"metadata": {"x" * 41: "x"}}],
    "/metadata/a~1b~0c": [{"metadata": {"a/b~c": "x"}}],
    "/sourse": [{"sourse": "x"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "pointer"), [(change, pointer) for pointer, changes in BAD.items() for change in changes],
    ids=lambda value: json.dumps(value)[:50],
)  # fmt: skip
def test_bad_values_are_refused_with_their_place(change: dict[str, Any], pointer: str) -> None:
    assert pointers_of({**BASE, **change}) == [pointer]


@pytest.mark.parametrize("options", [["-O2x", "-o"], ["-std=", "-std=@a.c"]])
def test_each_bad_option_has_its_place(options: list[str]) -> None:
    body = {**BASE, "language": "cpp", "compiler_args": ["-O2", *options]}
    assert pointers_of(body) == ["/compiler_args/1", "/compiler_args/2"]


FILE: dict[str, Any] = {"path": "a.py", "content": "x"}
BAD_FILES: list[tuple[dict[str, Any], list[str]]] = [
    ({**BASE, "files": []}, ["/files", ""]),
    (with_files(), ["/files"]),
    (with_files(*({"path": f"{number}.py", "content": "x"} for number in range(257))), ["/files"]),
    (with_files(FILE, {"path": "b.py"}), ["/files/1/content"]),
    (with_files(FILE, {"content": "b"}), ["/files/1/path"]),
    (with_files({**FILE, "encoding": "latin-1"}), ["/files/0/encoding"]),
    (with_files({**FILE, "content": "eA=", "encoding": "base64"}), ["/files/0/content"]),
    (with_files({**FILE, "content": "é", "encoding": "base64"}), ["/files/0/content"]),
    *(
        (with_files(FILE, {"path": path, "content": "x"}), ["/files/1/path"])
        for path in (
            "", "/a", ".", "..", "./a", "a/../b", "a//b", "a/", "a\\b", "a\nb", "a\0b", "\x7f", "a\x85",
            "x" * 256, "س" * 128, "a.py", A,
        )
    ),
    (with_files({"path": "a/b", "content": "x"}, {"path": "a", "content": "x"}), ["/files/1/path"]),
    (with_files({"path": "a", "content": "x"}, {"path": "a/b/c", "content": "x"}), ["/files/0/path"]),
    (with_files({**FILE, "content": "x" * 600}, {"path": "b", "content": "x" * 401}), ["/files"]),
    (with_files({**FILE, "content": "\n "}), ["/files/0/content"]),
    (with_files({**FILE, "content": "//5wAA==", "encoding": "base64"}), ["/files/0/content"]),  # UTF-16
    (with_files(FILE, entry="b.py"), ["/entry"]),
    (with_files(FILE, entry=""), ["/entry"]),
    (with_files(FILE, {"path": "b.py", "content": ""}, entry="b.py"), ["/entry"]),
    ({"language": "py"}, [""]),
    ({"language": "py", "entry": "a.py"}, [""]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "pointers"), BAD_FILES, ids=lambda value: json.dumps(value)[:60])
def test_bad_files_are_refused_with_their_place(content: dict[str, Any], pointers: list[str]) -> None:
    assert pointers_of(content) == pointers


@pytest.mark.parametrize(
    ("path", "suffix"), [("a/b.txt", ".txt"), ("a.b/c", ""), ("Makefile", ""), ("x.zip", ""), ("x.ä", "")]
)
def test_one_file_is_stored_as_it_is(path: str, suffix: str) -> None:
    """An object whose key ends with `.zip` is an archive of ours."""
    new = validated(with_files({"path": path, "content": "x"}))
    assert (new.filename, new.source.suffix, new.source.data) == (path, suffix, b"x")


def test_a_source_is_stored_without_its_byte_order_mark() -> None:
    data = {"path": "words.txt", "content": "\ufeffx"}
    files = [{"path": "Main.java", "content": "\ufeffclass Main {}"}, data]
    stored = unpack(validated({"language": "java", "files": files}).source.data)
    assert stored == {"Main.java": b"class Main {}", "words.txt": b"\xef\xbb\xbfx"}
    assert validated({**BASE, "source": "\ufeffprint(1)"}).source.data == b"print(1)"


JUDGE: dict[str, Any] = {"protocol": "testlib", "language": "cpp", "source": "int main() {}"}
#: A submission whose keys need each other, and wrong values of each of them and of keys within.
WHOLE: dict[str, Any] = {
    "language": "cpp", "files": [*FILES], "entry": "a.py", "stdin": "1", "args": ["1"], "compiler_args": ["-O2"],
    "limits": {"cpu_s": 1}, "expected_output": "1", "checker": {"kind": "program", **JUDGE}, "interactor": JUDGE,
    "stop_at_first_failure": True, "email": "a@example.com", "locale": "en", "receipt": True,
    "webhook_url": "https://example.com/", "hold": True, "live_output": True, "metadata": {"a": "1"},
}  # fmt: skip
WRONG: list[tuple[str, Any]] = [
    *((f"/{name}", 1.5) for name in (*WHOLE, "colour")),
    *((f"/checker/{name}", 1.5) for name in ("kind", "protocol", "language", "source")),
    *((f"/interactor/{name}", 1.5) for name in JUDGE),
    *((f"/files/0/{name}", 1.5) for name in FILES[0]),
    *(("/language", "cobol"), ("/email", "a@refused.example.com"), ("/webhook_url", "ftp://x")),
    *(("/limits/cpu_s", 1e9), ("/metadata/a", "\0"), ("/checker/language", "cobol"), ("/interactor/source", "")),
]


def changed(content: dict[str, Any], changes: list[tuple[str, Any]]) -> dict[str, Any]:
    content = json.loads(json.dumps(content))
    for pointer, value in changes:
        *steps, last = pointer.split("/")[1:]
        around: Any = content
        for step in steps:
            around = around[int(step) if isinstance(around, list) else step]
        around[last] = value
    return content


@pytest.mark.parametrize(("pointer", "value"), WRONG, ids=str)
def test_all_faults_are_found_at_once_and_have_no_consequences(pointer: str, value: Any) -> None:
    assert pointers_of(changed(WHOLE, [(pointer, value)])) == [pointer]
    others = {place.split("/")[1]: (place, bad) for place, bad in WRONG}  # the last of each key
    del others[pointer.split("/")[1]]
    found = pointers_of(changed(WHOLE, [*others.values(), (pointer, value)]))
    assert sorted(found) == sorted([pointer, *(place for place, _ in others.values())])


def test_few_of_many_faults_are_reported() -> None:
    assert pointers_of({**BASE, **{f"x{number}": 1 for number in range(100_000)}}) == [""]
    assert pointers_of({**BASE, "tests": [{"metadata": {str(n): 1 for n in range(100)}}]}) == ["/tests/0/metadata"]
    assert len(pointers_of({**BASE, "tests": [{f"x{n}": 1 for n in range(60)}] * 100})) == 100


def test_refusals_name_what_is_allowed() -> None:
    def detail(**change: Any) -> str:
        return faults_of({**BASE, **change})[0].detail

    assert "py, java, bash, cpp" in detail(language="cobol")
    assert "`-O2`, `-std=*`" in detail(language="cpp", compiler_args=["-x"])
    assert "10" in detail(limits={"cpu_s": 11})
    assert str(1 << 30) in detail(limits={"memory_bytes": 1 << 31})


def test_webhooks_need_a_secret() -> None:
    content = {**BASE, "webhook_url": "https://example.com/"}
    addresses = replace(TERMS.addresses, can_sign=False)
    assert pointers_of(content, addresses=addresses) == ["/webhook_url"]
    assert "PRECIEUX_WEBHOOK_SECRET" in faults_of(content, addresses=addresses)[0].detail


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"args": ["a"]}, "/args"),
        ({"compiler_args": ["-O2"]}, "/compiler_args"),
        ({"limits": {"cpu_s": 1}}, "/limits"),
        ({"expected_output": ""}, "/expected_output"),
        ({"tests": [{}]}, "/tests"),
        ({"source": None, "files": FILES}, "/files"),
        ({"source": None, "files": [{"path": "a", "content": "/w==", "encoding": "base64"}]}, "/files/0/content"),
    ],
)
def test_a_foreign_engine_runs_only_simple_programs(change: dict[str, Any], pointer: str) -> None:
    validated({**BASE, **change})  # our own engine runs it
    faults = faults_of({**BASE, **change}, catalog=FOREIGN)
    assert [fault.pointer for fault in faults] == [pointer]
    assert "engine of Precieux" in faults[0].detail
    simple = {"stdin": "1", "args": [], "limits": {}, "email": "a@example.com", "hold": True, "metadata": {"a": "b"}}
    validated({**BASE, **simple}, catalog=FOREIGN)
    validated(with_files({"path": "src/a.py", "content": "x"}), catalog=FOREIGN)


def test_every_language_is_known_before_the_engine_has_answered() -> None:
    new = validated({**BASE, "language": "Golang"}, catalog=LanguageCatalog({}))
    assert (new.language, new.filename) == ("go", "main.go")
    assert pointers_of({**BASE, "language": "befunge"}, catalog=LanguageCatalog({})) == ["/language"]


class TestUploads:
    def test_files_of_a_form_may_hold_any_byte(self) -> None:
        upload = UploadedFiles([("a.py", b"\0\xff"), ("b", b"")])
        new = validate_submission({"language": "py"}, TERMS, upload=upload)
        assert (new.filename, unpack(new.source.data)) == ("a.py", {"a.py": b"\0\xff", "b": b""})

    @pytest.mark.parametrize(
        ("files", "keys", "pointers"),
        [
            ([("a", b"x"), ("", b"x")], {}, ["/files/1/path"]),
            ([("a", b"x"), ("a", b"x")], {}, ["/files/1/path"]),
            ([(str(number), b"x") for number in range(257)], {}, ["/files"]),
            ([("a", b"x")], {"source": "x"}, [""]),
            ([("a", b"x")], {"files": FILES}, ["/files"]),
        ],
    )
    def test_their_faults_have_the_places_of_json(
        self, files: list[tuple[str, bytes]], keys: dict[str, Any], pointers: list[str]
    ) -> None:
        assert pointers_of({"language": "py", **keys}, upload=UploadedFiles(files)) == pointers

    def test_the_fault_of_an_archive_is_one_of_all(self) -> None:
        upload = UploadedFiles(fault=Fault("It is damaged.", pointer="/files"))
        assert pointers_of({"language": "cobol"}, upload=upload) == ["/language", "/files"]


def test_faults_of_a_query_are_parameters() -> None:
    faults = faults_of({"language": "cobol", "source": ""}, BodyPath(in_query=True))
    assert [(fault.parameter, fault.pointer) for fault in faults] == [("language", None), (None, "")]
