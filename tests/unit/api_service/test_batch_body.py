"""Batches: what their defaults cost, and null."""

import base64
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from api_service.http.errors import ApiError
from api_service.languages.catalog import LanguageCatalog
from api_service.settings import ApiSettings
from api_service.submissions.batches import NewBatch
from api_service.v1.body import batch
from api_service.v1.body.defaults import Defaults
from tests.unit.api_service.samples import TERMS

_TERMS: Final = replace(TERMS, settings=ApiSettings(max_source_bytes=1 << 21), may_hold=False)
_PROGRAM: Final[dict[str, Any]] = {"language": "py", "source": "print(1)\n"}
_ARGS: Final = [str(number) for number in range(250)]
_BASE64: Final = base64.b64encode(b"1234567" * 20_000).decode()
#: Defaults that take long to check, to pack or to write. The last ones have faults.
_LONG: Final[dict[str, dict[str, Any]]] = {
    "arguments of tests": {**_PROGRAM, "tests": [{"stdin": "1", "args": _ARGS} for _ in range(100)]},
    "limits of tests": {**_PROGRAM, "tests": [{"limits": {"cpu_s": 1.5, "processes": 9}} for _ in range(100)]},
    "inputs of tests": {**_PROGRAM, "tests": [{"stdin": "é" * 4_000} for _ in range(100)]},
    "long source": {**_PROGRAM, "source": "#" * 1_500_000},
    "many files": {"language": "py", "files": [{"path": f"a/{n}.py", "content": "1\n" * 500} for n in range(256)]},
    "encoded files": {"language": "py", "files": [{"path": n, "content": _BASE64, "encoding": "base64"} for n in "ab"]},
    "numbers as arguments": {**_PROGRAM, "tests": [{"args": list(range(100))} for _ in range(9)]},
    "bad paths": {"language": "py", "files": [{"path": f"a/{n % 90}", "content": "1"} for n in range(180)]},
    "bad limits of tests": {**_PROGRAM, "tests": [{"limits": {"cpu_s": 99}} for _ in range(90)]},
    "bad texts": {**_PROGRAM, "tests": [{"stdin": "\0"} for _ in range(90)]},
}  # fmt: skip


def read(body: object, **constraints: Any) -> NewBatch:
    outline, faults = batch._outlined(json.dumps(body).encode())
    return batch._validated(outline, replace(_TERMS, **constraints), faults)


def faults_of(body: object, **constraints: Any) -> list[tuple[str, str]]:
    with pytest.raises(ApiError) as refused:
        read(body, **constraints)
    assert refused.value.kind.status == 422
    return [(fault.pointer or "", fault.detail) for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ({}, ["/submissions"]),
        ({"submissions": []}, ["/submissions"]),
        ({"submissions": [_PROGRAM], "hold": True}, ["/hold"]),
        ({"submissions": [_PROGRAM], "digest": True, "digest_to": "a@example.com"}, ["/digest_to"]),
        ({"submissions": [_PROGRAM], "digest_to": "nowhere"}, ["/digest_to"]),
        ({"submissions": [_PROGRAM, 1, _PROGRAM]}, ["/submissions/1"]),
        ({"submissions": [_PROGRAM] * 17 + [{"source": "1"}]}, ["/submissions/17/language"]),
        (
            {"submissions": [_PROGRAM, {**_PROGRAM, "stdin": 1}, {**_PROGRAM, "x": 1}]},
            ["/submissions/1/stdin", "/submissions/2/x"],
        ),
        ({"submissions": [{**_PROGRAM, "hold": False}]}, ["/submissions/0/hold"]),
        ({"submissions": [{}, {}], "defaults": {**_PROGRAM, "hold": True}}, ["/defaults/hold"]),
        ({"submissions": [{"source": "1"}] * 3, "defaults": {"language": "x"}}, ["/defaults/language"]),
        ({"submissions": [_PROGRAM], "defaults": {"tests": [{"points": -1}]}}, ["/defaults/tests/0/points"]),
        ({"submissions": [_PROGRAM, {"files": []}], "defaults": {**_PROGRAM}}, ["/submissions/1/files"]),
        ({"submissions": [{**_PROGRAM, "source": "a\0"}]}, ["/submissions/0/source"]),
        ({"submissions": [{**_PROGRAM, "files": [{"path": "a.py", "content": "x"}]}]}, ["/submissions/0"]),
        ({"submissions": [_PROGRAM], "webhook_url": "ftp://x"}, ["/webhook_url"]),
        ({"submissions": [_PROGRAM] * 1001}, ["/submissions"]),
        (
            {
                "submissions": [{"source": ""}, 1],
                "defaults": {"language": "x", "y": 1},
                "digest": 1,
                "webhook_url": "x",
            },
            ["/digest", "/defaults/y", "/webhook_url", "/defaults/language", "/submissions/0/source", "/submissions/1"],
        ),
        ({"submissions": [{}] * 1000, "defaults": {f"x{n}": n for n in range(5000)}}, ["/defaults"]),
    ],
)
def test_faults_have_their_place(body: object, pointers: list[str]) -> None:
    assert [pointer for pointer, _ in faults_of(body)] == pointers


@pytest.mark.parametrize("defaults", _LONG.values(), ids=list(_LONG))
def test_what_long_defaults_need_is_made_once(monkeypatch: pytest.MonkeyPatch, defaults: dict[str, Any]) -> None:
    made: Counter[str] = Counter()
    once = Defaults.once

    def counted(self: Defaults, value: object, what: str, make: Callable[[], Any]) -> Any:
        def make_and_count() -> Any:
            made[what] += id(value) in self._kept
            return make()

        return once(self, value, what, make_and_count)

    monkeypatch.setattr(Defaults, "once", counted)
    faults_of({"defaults": defaults, "submissions": [{}] * 20 + [{"stdin": 5}]})
    assert {*made.values()} <= {0, 1}


def test_defaults_are_in_memory_once() -> None:
    posted = read({"defaults": _LONG["arguments of tests"], "submissions": [{}] * 3 + [{"language": "cpp"}]})
    assert len({id(one.source.data) for one in posted.submissions}) == 1
    assert len({id(one.tests) for one in posted.submissions}) == 1
    posted = read({"defaults": _LONG["many files"], "submissions": [{}, {"entry": "a/7.py"}, {"stdin": "x"}]})
    assert len({id(one.source) for one in posted.submissions}) == 1
    assert [one.filename for one in posted.submissions] == ["a/0.py", "a/7.py", "a/0.py"]


def test_an_own_value_is_not_taken_for_the_default() -> None:
    defaults: dict[str, Any] = {**_PROGRAM, "tests": [{}]}
    posted = read({"defaults": defaults, "submissions": [{}, {"source": "x", "tests": [{}, {}]}]})
    [first, second] = posted.submissions
    assert (first.source.data, second.source.data) == (b"print(1)\n", b"x")
    assert [len(json.loads(one.tests)) for one in posted.submissions if one.tests] == [1, 2]


@pytest.mark.parametrize(
    ("checker", "place"),
    [
        ({"kind": "program", "language": "cpp", "source": 5}, "/source"),
        ({"kind": 5, "tolerance": 0.1}, "/kind"),
        ({"kind": "icpc", "args": 5}, "/args"),
    ],
)
def test_no_submission_is_made_of_faulty_defaults(checker: dict[str, Any], place: str) -> None:
    content = {"submissions": [_PROGRAM], "defaults": {"checker": checker}}
    for catalog in (TERMS.catalog, LanguageCatalog({})):
        assert [pointer for pointer, _ in faults_of(content, catalog=catalog)] == [f"/defaults/checker{place}"]


@pytest.mark.parametrize(("others", "status"), [([], 503), ([{"source": "1"}], 422)])
def test_limits_that_cannot_be_checked_yet_are_refused_after_all_faults(others: list[Any], status: int) -> None:
    limited = {**_PROGRAM, "tests": [{"limits": {"cpu_s": 1}}]}
    with pytest.raises(ApiError) as refused:
        read({"submissions": [limited, *others]}, catalog=LanguageCatalog({}))
    assert refused.value.kind.status == status
