"""The keys `checker` and `interactor` of a submission's body."""

import base64
import json
from typing import Any

import pytest

from api_service.v1.body.batch import BatchItem
from api_service.v1.body.defaults import BodyPath, Defaults
from api_service.v1.body.rules import validate_submission
from shared.common.files.archives import unpack
from tests.unit.api_service.samples import BASE, FOREIGN, TERMS, faults_of, pointers_of, validated

SOURCE = {"language": "cpp", "source": "int main() { return 42; }"}
PROGRAM = {"kind": "program", **SOURCE}
TESTLIB = {**SOURCE, "protocol": "testlib"}
LIMITS = {"cpu_s": 10, "memory_bytes": 1 << 30, "output_bytes": 64 << 20, "processes": 128}


@pytest.mark.parametrize(
    "keys",
    [
        {"checker": {"kind": "icpc", "args": ["float_tolerance", "1e-6", "case_sensitive"]}},
        {"checker": PROGRAM},
        {"checker": {**PROGRAM, "protocol": None, "files": None, "entry": None, "args": None, "limits": None}},
        {"checker": {**PROGRAM, "protocol": "testlib", "args": ["a", ""], "limits": LIMITS, "source": "x" * 500}},
        {"checker": {"kind": "program", "language": "py", "files": [{"path": "a/b.py", "content": "x"}]}},
        {"interactor": SOURCE},
        {"interactor": TESTLIB},
        {"interactor": TESTLIB, "checker": {**PROGRAM, "protocol": "testlib"}},
        {"interactor": SOURCE, "tests": [{"stdin": "1"}, {}]},
    ],
)
def test_what_may_judge_a_submission(keys: dict[str, Any]) -> None:
    assert validated({**BASE, **keys}).spec
    assert BatchItem.model_validate({**BASE, **keys})


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"checker": {"tolerance": 0.1}}, "/checker/tolerance"),
    ({"checker": {**PROGRAM, "tolerance": 0.1}}, "/checker/tolerance"),
    ({"checker": {"kind": "float", "args": []}}, "/checker/args"),
    ({"checker": {"args": ["case_sensitive"]}}, "/checker/args"),
    ({"checker": {"kind": "icpc", "args": ["case_sensitive", "float"]}}, "/checker/args/1"),
    ({"checker": {"kind": "icpc", "language": "py"}}, "/checker/language"),
    ({"checker": {"kind": "tokens", "files": [{"path": "a", "content": "x"}]}}, "/checker/files"),
    ({"checker": {"kind": "program", "source": "x"}}, "/checker/language"),
    ({"checker": {"kind": "program", "language": "py"}}, "/checker"),
    ({"checker": {**PROGRAM, "files": [{"path": "a", "content": "x"}]}}, "/checker"),
    ({"checker": {**PROGRAM, "language": "cobol"}}, "/checker/language"),
    ({"checker": {**PROGRAM, "source": "x" * 501}}, "/checker/source"),
    ({"checker": {**PROGRAM, "entry": "a"}}, "/checker/entry"),
    ({"checker": {**PROGRAM, "protocol": "domjudge"}}, "/checker/protocol"),
    ({"checker": {**PROGRAM, "compiler_args": ["-O2", "-fplugin=x"]}}, "/checker/compiler_args/1"),
    ({"checker": {**PROGRAM, "limits": {"cpu_s": 11}}}, "/checker/limits/cpu_s"),
    ({"checker": {**PROGRAM, "limits": {"output_bytes": (64 << 20) + 1}}}, "/checker/limits/output_bytes"),
    ({"checker": {**PROGRAM, "stdin": ""}}, "/checker/stdin"),
    ({"interactor": {"source": "x"}}, "/interactor/language"),
    ({"interactor": {**SOURCE, "kind": "program"}}, "/interactor/kind"),
    ({"interactor": {"language": "py", "files": [{"path": "../a", "content": "x"}]}}, "/interactor/files/0/path"),
    ({"interactor": SOURCE, "checker": {"kind": "lines"}}, "/checker"),
    ({"interactor": SOURCE, "checker": {**PROGRAM, "protocol": "testlib"}}, "/checker"),
    ({"interactor": TESTLIB, "checker": {"kind": "tokens"}}, "/checker"),
    ({"interactor": TESTLIB, "checker": PROGRAM}, "/checker"),
]


@pytest.mark.parametrize(("keys", "pointer"), FAULTS, ids=[pointer for _, pointer in FAULTS])
def test_each_fault_is_told_at_its_place(keys: dict[str, Any], pointer: str) -> None:
    assert pointers_of({**BASE, **keys}) == [pointer]


def test_faults_of_the_program_and_its_judges_are_told_together() -> None:
    checker = {"kind": "program", "language": "cobol", "source": ""}
    content = {"language": "py", "source": "", "checker": checker, "interactor": {**TESTLIB, "protocol": "x"}}
    assert pointers_of({**content, "interactor": None}) == ["/source", "/checker/language", "/checker/source"]
    assert pointers_of(content) == ["/interactor/protocol", "/source", "/checker/language", "/checker/source"]


def test_a_judge_is_stored_beside_the_program() -> None:
    files = [
        {"path": "judge.py", "content": base64.b64encode(b"\xef\xbb\xbfimport b").decode(), "encoding": "base64"},
        {"path": "b.py", "content": "x = 1"},
    ]
    judge = {"language": "PYTHON", "files": files, "entry": "judge.py", "args": ["strict"], "limits": {"cpu_s": 3}}
    new = validated({**BASE, "checker": {"kind": "program", **judge}})
    [(name, stored)] = new.judges.items()
    assert name == "checker"
    assert unpack(stored.data) == {"judge.py": b"import b", "b.py": b"x = 1"}
    assert new.spec
    assert new.spec.stored()["checker"] == {
        "kind": "program",
        "protocol": "kattis",
        "language": "py",
        "entry": "judge.py",
        "files": [{"path": "judge.py", "size_bytes": 8}, {"path": "b.py", "size_bytes": 5}],
        "args": ["strict"],
        "compiler_args": [],
        "limits": {"cpu_s": 3.0},
        "sha256": stored.sha256,
    }
    assert "x = 1" not in json.dumps(new.spec.stored())
    plain = validated(BASE)
    assert new.size_bytes == plain.size_bytes + 13 + len("strict")
    assert new.stored_bytes > plain.stored_bytes + len(stored.data)


def test_the_judge_of_a_batchs_defaults_is_packed_once() -> None:
    place = BodyPath("/submissions/0", Defaults({"checker": PROGRAM}))
    first, second = (validated_in(place, source) for source in ("print(1)", "print(2)"))
    assert first.judges["checker"] is second.judges["checker"]
    own = validated_in(place, "x", checker={"kind": "tokens"})
    assert not own.judges


def validated_in(place: BodyPath, source: str, **keys: Any) -> Any:
    return validate_submission({"language": "py", "source": source, **keys}, TERMS, place)


def test_faults_of_a_default_judge_are_told_at_the_defaults() -> None:
    place = BodyPath("/submissions/0", Defaults({"checker": {**PROGRAM, "language": "cobol"}}))
    assert [fault.pointer for fault in faults_of(BASE, place)] == ["/defaults/checker/language"]


def test_a_foreign_engine_has_no_judges() -> None:
    judge = {"language": "py", "source": "x"}
    assert [fault.pointer for fault in faults_of({**BASE, "interactor": judge}, catalog=FOREIGN)] == ["/interactor"]
    checker = {"kind": "program", **judge}
    assert [fault.pointer for fault in faults_of({**BASE, "checker": checker}, catalog=FOREIGN)] == ["/checker"]
    assert validated({**BASE, "checker": {"kind": "icpc"}, "expected_output": None}, catalog=FOREIGN)
