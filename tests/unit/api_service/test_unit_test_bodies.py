"""The key `unit_tests` of a submission's body."""

import json
from typing import Any

import pytest

from api_service.v1.body.batch import BatchItem
from api_service.v1.body.defaults import BodyPath, Defaults
from api_service.v1.body.engine_request import transient_program
from api_service.v1.body.rules import check_submission, validate_submission
from shared.common.files.archives import unpack
from shared.engine_api.run_call.request import ProgramRequest
from tests.unit.api_service.samples import BASE, FOREIGN, TERMS, faults_of, pointers_of, validated

TEST = "from student import add\n"


def file(path: str = "test_add.py", content: str = TEST, **keys: str) -> dict[str, str]:
    return {"path": path, "content": content, **keys}


def body(**keys: Any) -> dict[str, Any]:
    return {**BASE, "unit_tests": {"files": [file()], **keys}}


BINARY = file("a.bin", "//8=", encoding="base64")


@pytest.mark.parametrize("unit_tests", [
    {"source": TEST}, {"files": [file("odd.py")]}, {"files": [file(), file("helper.py", ""), BINARY]},
    {"source": TEST, "framework": "unittest", "module": "random", "visibility": "hidden", "total_cpu_s": 1000},
    {"source": TEST, "files": None, "framework": None, "shared_files": [], "limits": {"output_bytes": 64 << 20}},
])  # fmt: skip
def test_what_may_be_sent(unit_tests: dict[str, Any]) -> None:
    assert validated({**BASE, "unit_tests": unit_tests}).spec
    assert BatchItem.model_validate({**BASE, "unit_tests": unit_tests})


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({**body(), "language": "cpp"}, "", "Unit tests run in Python, Java and JavaScript. A program in C++ is judged by"),
    ({**BASE, "language": "java", "unit_tests": {"source": TEST}}, "", "JUnit is not installed on this server: "),
    (body(framework="nose"), "/framework", "It must be one of"),
    (body(framework="junit"), "/framework", "`junit` runs tests in Java, and the program is in Python."),
    (body(files=None), "/files", "`source` or `files` is needed."),
    (body(source=TEST), "/files", "Give `source` or `files`, not both."),
    (body(files=[file("a.py"), file("b.py")]), "/files", "None of the files is a test file: pytest finds `test_*.py`"),
    (body(files=[file(), file(content="x")]), "/files/1/path", "The path is there twice."),
    (body(files=[file(), file("main.py")]), "/files/1/path", "This is also the file of the program that is run"),
    (body(files=[file("../test_a.py")]), "/files/0/path", "The path has an empty segment"),
    (body(files=[file(content=" \n")]), "/files/0/content", "The file is empty"),
    (body(files=[file(content="//8=", encoding="base64")]), "/files/0/content", "The file is not UTF-8"),
    (body(files=[file(content="?", encoding="base64")]), "/files/0/content", "It is not base64"),
    (body(files=[file(content="#" * 501)]), "/files", "They have 501 bytes; they may have 500."),
    (body(files=None, source=" "), "/source", "It is empty"),
    (body(shared_files=[file("/a")]), "/shared_files/0/path", "The path is absolute"),
    (body(shared_files=[file(content="#" * 501)]), "/shared_files", "They have 501 bytes"),
    (body(module="class"), "/module", "It must be a name that can be imported, such as `student`."),
    (body(visibility="secret"), "/visibility", "It must be one of"),
    (body(limits={"cpu_s": 11}), "/limits/cpu_s", "It must be at most 10."),
    (body(total_cpu_s=0), "/total_cpu_s", "It must be greater than 0."),
    (body(total_cpu_s=1001), "/total_cpu_s", "It must be at most 1000."),
]


@pytest.mark.parametrize(("content", "pointer", "sentence"), FAULTS)
def test_each_fault_is_told_at_its_place(content: dict[str, Any], pointer: str, sentence: str) -> None:
    faults = faults_of(content)
    assert [fault.pointer for fault in faults][-1:] == [f"/unit_tests{pointer}"]
    assert faults[-1].detail.startswith(sentence)


def test_other_keys_are_excluded() -> None:
    keys = {"tests": [{}], "checker": {}, "interactor": BASE, "problem": "sum", "live_output": True}
    assert {*pointers_of({**body(), **keys})} == {f"/{name}" for name in keys}
    texts = {"stdin": "", "args": [], "expected_output": ""}
    assert pointers_of({**body(), **texts}) == [f"/{name}" for name in texts]
    assert validated({**body(), "live_output": False}).spec


def test_another_engine_does_not_have_it() -> None:
    assert "/unit_tests" in pointers_of(body(), catalog=FOREIGN)


def test_it_is_stored_as_a_judge_is() -> None:
    new = validated(body(shared_files=[file("data.txt", "1")], total_cpu_s=7))
    assert unpack(new.judges["unit_tests"].data) == {"files/test_add.py": TEST.encode(), "shared_files/data.txt": b"1"}
    assert new.spec
    assert new.spec.unit_tests
    assert new.spec.checker is None
    assert (new.spec.limits.asked(), new.spec.unit_tests.limits.asked()) == ({"cpu_s": 2.0}, {"cpu_s": 10.0})
    assert TEST.strip() not in json.dumps(new.spec.stored())
    assert new.size_bytes >= len(TEST) + 1


def test_a_batch_keeps_one_copy_of_its_defaults() -> None:
    place = BodyPath("/submissions/0", Defaults({"unit_tests": body()["unit_tests"], "language": "py"}))
    first, second = (validate_submission({"files": [file(name, "1")]}, TERMS, place) for name in "ab")
    assert first.judges["unit_tests"] is second.judges["unit_tests"]
    faults = faults_of({"files": [file("test_add.py", "1")]}, place)
    assert [fault.pointer for fault in faults] == ["/defaults/unit_tests/files/0/path"]


def test_the_engine_is_asked_for_them() -> None:
    check = check_submission(body(module="student", shared_files=[file("a", "b")]), TERMS)
    request = ProgramRequest.model_validate_json(transient_program(check, live_output=True).request)
    assert request.unit_tests
    assert not request.live_output
    assert not request.artifacts
    assert (request.unit_tests.module, request.unit_tests.framework) == ("student", "pytest")
    files = (*request.unit_tests.files, *request.unit_tests.shared_files)
    assert [(each.path, each.data()) for each in files] == [("test_add.py", TEST.encode()), ("a", b"b")]
