"""Bodies of Jobe's clients: the checks in their order, and what counts as absent."""

import time
from typing import Any

import pytest

from api_service.doors.jobe.request import read_file
from api_service.http.errors import ApiError
from tests.unit.api_service.jobe.samples import LANGUAGES, read, spec

#: A run that has one fault for each check, in the order of the checks.
_FAULTY: list[tuple[str, Any, str]] = [
    ("sourcecode", "x", "run_spec is missing the required attribute 'sourcecode'"),
    ("language_id", "Klingon", "run_spec is missing the required attribute 'language_id'"),
    ("language_id", "Python3", "Language 'klingon' is not known"),
    (
        "parameters",
        {"cputime": 60},
        "cputime exceeds maximum allowed on this Jobe server (60 secs)",
    ),
    ("sourcefilename", "a.py", "The sourcefilename for the run_spec is illegal"),
    ("file_list", [["abcdefgh", "a"]], "Invalid file specifier: ['short', 'a']"),
]


def refusal(body: Any, **bounds: float) -> str:
    with pytest.raises(ApiError) as caught:
        read(body, **bounds)
    assert caught.value.kind.status == 422
    return caught.value.detail


def test_the_first_fault_counts() -> None:
    run: dict[str, Any] = {
        "parameters": {"cputime": 61},
        "sourcefilename": ".a",
        "file_list": [["short", "a"]],
    }
    for name, mended, text in _FAULTY:
        assert refusal({"run_spec": run}) == text
        run[name] = mended
    assert read({"run_spec": run}).files == {"a": "abcdefgh"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"null", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_a_body_is_a_json_object(body: bytes) -> None:
    assert refusal(body) == "Non-JSON post data received"


@pytest.mark.parametrize("body", [{}, {"run_spec": None}, {"run_spec": []}, {"run_spec": "x"}])
def test_a_body_has_a_run_spec(body: Any) -> None:
    assert refusal(body) == "No run_spec attribute found in post data"


@pytest.mark.parametrize(
    "fields",
    [
        {"sourcecode": 5},
        {"language_id": ["c"]},
        {"input": 5},
        {"parameters": "x"},
        {"parameters": [1]},
        {"file_list": {"a": 1}},
        {"sourcefilename": 5},
        {"parameters": {"runargs": [None]}},
        {"parameters": {"runargs": ["a\0"]}},
        {"parameters": {"compileargs": ["x" * 40_000]}},
        {"input": "x" * (1 << 21)},
        {"file_list": [["abcdefgh", f"f{number}"] for number in range(256)]},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_other_values_are_refused(fields: dict[str, Any]) -> None:
    assert refusal({"run_spec": {"sourcecode": "x", "language_id": "c", **fields}})


def test_null_and_empty_lists_count_as_absent() -> None:
    empty: dict[str, Any] = {
        "sourcefilename": None,
        "input": None,
        "parameters": [],
        "file_list": None,
        "debug": 7,
        "comment": "c",
    }
    run = read({"run_spec": {"sourcecode": "", "language_id": "C", **empty}, "more": 1})
    assert (run.source, run.filename, run.stdin, run.files, run.parameters) == ("", "prog.c", "", {}, {})


@pytest.mark.parametrize(
    ("cputime", "is_refused"),
    [
        *((60, False), (60.9, False), ("60", False), (61, True), ("61.5", True), (1e300, True), ("abc", False)),
        *((None, False), ([99], False), (True, False), ("9" * 4000, False)),
    ],
)
def test_cputime_is_compared_as_a_whole_number(cputime: Any, is_refused: bool) -> None:
    body = {"run_spec": {"sourcecode": "x", "language_id": "c", "parameters": {"cputime": cputime}}}
    if is_refused:
        assert refusal(body) == "cputime exceeds maximum allowed on this Jobe server (60 secs)"
        assert refusal(body, max_cputime=7) == "cputime exceeds maximum allowed on this Jobe server (7 secs)"
    else:
        read(body)


@pytest.mark.parametrize(
    "name",
    [".a", "-a", "x" * 256, *(f"a{character}b" for character in "<>:\"/\\|?*\x00\x1f#[]@!$&'()+,;={}^~`\x7f\xa0\xad")],
)
def test_some_names_of_sources_are_illegal(name: str) -> None:
    with pytest.raises(ApiError, match="The sourcefilename for the run_spec is illegal"):
        spec(sourcefilename=name)


@pytest.mark.parametrize(
    "entry",
    ["x", {}, [], ["abcdefgh"], ["abcdefgh", "a", 1, 2], ["abcdefg", "a"], ["abcdefg_", "a"], ["abcdéfgh", "a"]]
    + [["abcdefgh", name] for name in ("", "..", "-", "_.", "a/b", "a b", "é", "a\n", 5, "x" * 256)]
    + [[12345678, "a"], None],
    ids=str,
)
def test_files_have_an_id_and_a_name(entry: Any) -> None:
    with pytest.raises(ApiError, match="Invalid file specifier: "):
        spec(file_list=[["abcdefgh", "good"], entry])


_MAIN = "public static void main(String[] args) {}"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (f"public class Hello {{ {_MAIN} }}", "Hello.java"),
        ("class A {} public  class B extends A { static public void main (String... a) {} }", "B.java"),
        (f"class Hello {{ {_MAIN} }}", "prog.java"),
        ("public class Hello { void main() {} }", "prog.java"),
        (f"public class {'x' * 300} {{ {_MAIN} }}", "prog.java"),
    ],
)
def test_a_java_source_is_named_after_its_public_class(source: str, name: str) -> None:
    assert spec("java", source).filename == name
    assert spec("java", source, sourcefilename="prog.java").filename == name
    assert spec("java", source, sourcefilename="NO.java").filename == "NO.java"


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (["-O1 -DSIZE=17"], ("-O1", "-DSIZE=17")),
        (["a", "b", "'c d'"], ("a", "b", "c d")),
        (['-c "print(\\"Blah\\")"'], ("-c", 'print("Blah")')),
        (["it's", "me"], ("it's", "me")),
        (["$HOME", "`id`", "*", ";", ">x"], ("$HOME", "`id`", "*", ";", ">x")),
        ([1, 2.5], ("1", "2.5")),
        ([], ()),
    ],
)
def test_arguments_are_words_for_a_shell(entries: list[Any], words: tuple[str, ...]) -> None:
    assert spec(runargs=entries).words("runargs") == words


def test_languages_have_jobes_ids_first() -> None:
    listed = [(language.id, language.version) for language in LANGUAGES.values()]
    of_jobe = ["c 14.2.0", "cpp 14.2.0", "java 17.0.17", "nodejs 20.19.2"]
    of_jobe += ["octave 9.4.0", "pascal 3.2.2", "php 8.4.11", "python3 3.13.5"]
    assert [" ".join(one) for one in listed] == [*of_jobe, "rs 1.85.0"]


def test_the_content_of_a_file_is_strict_base64() -> None:
    assert read_file(b'{"file_contents": ""}', "id", 10) == b""
    assert read_file(b'{"file_contents": "AP8="}', "id", 10) == b"\x00\xff"
    missing = "put: missing file_contents parameter"
    wrong = "put: contents of file id are not valid base-64"
    for body, text in [
        (b"{}", missing),
        (b'{"file_contents": null}', missing),
        (b'{"file_contents": "AP8"}', wrong),
        (b'{"file_contents": "A$P8="}', wrong),
        (b'{"file_contents": "\xc3\xa9"}', wrong),
        (b'{"file_contents": 5}', wrong),
        (b"AP8=", "Non-JSON put data received"),
        (b'{"file_contents": "AAAAAAAAAAAAAAAAAAAA"}', "put: a file may have at most 10 bytes"),
    ]:
        with pytest.raises(ApiError) as caught:
            read_file(body, "id", 10)
        assert caught.value.detail == text


@pytest.mark.parametrize("text", ["public class A ", "public static void main(", "public static ", "a{", "public "])
def test_hostile_sources_take_no_time(text: str) -> None:
    began = time.perf_counter()
    spec("java", (text * (1 << 20))[: 1 << 20])
    assert time.perf_counter() - began < 2
