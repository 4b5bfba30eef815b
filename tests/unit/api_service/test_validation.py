"""API v1 checks every query and every body by these rules."""

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from fastapi import Request
from pydantic import Field

from api_service.http.errors import ApiError
from api_service.http.sentences import sentence
from api_service.requests.validation import Strict, checked, parse_json, read_query


class Inner(Strict):
    name: Annotated[str, Field(max_length=5)] = "1"
    points: Annotated[float, Field(ge=0, le=1000)] = 1


class Order(Strict):
    text: Annotated[str, Field(min_length=1)]
    count: Annotated[int, Field(ge=1)] = 1
    is_urgent: bool = False
    tests: Annotated[list[Inner], Field(max_length=3)] | None = None
    labels: dict[str, Annotated[str, Field(max_length=3)]] = Field(default_factory=dict)
    kind: Literal["exact", "lines"] = "lines"


class Filters(Strict):
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    is_urgent: bool | None = None
    after: datetime | None = None
    ratio: float | None = Field(None, ge=-10, le=10)
    text: str | None = None
    metadata: dict[str, Annotated[str, Field(max_length=500)]] = Field(default_factory=dict)


def pointers(content: object) -> list[str | None]:
    with pytest.raises(ApiError) as refused:
        checked(Order, content).valid()
    return [fault.pointer for fault in refused.value.faults]


def query(text: str) -> Filters:
    return read_query(Request({"type": "http", "query_string": text.encode()}), Filters)


def parameters(text: str) -> list[str | None]:
    with pytest.raises(ApiError) as refused:
        query(text)
    return [fault.parameter for fault in refused.value.faults]


def test_the_faults_that_are_reported_are_bounded() -> None:
    assert pointers({f"k{i}": 1 for i in range(1800)}) == [""]
    assert len(pointers({"text": "a", "labels": {f"k{i}": "\0" for i in range(1400)}})) == 100


@pytest.mark.parametrize("number", ["2.5", "2.0", "1e2", '"2"', "true", "[2]"])
def test_no_type_is_converted(number: str) -> None:
    assert pointers(parse_json(f'{{"text": "a", "count": {number}}}'.encode())) == ["/count"]


def test_null_is_the_default_of_optional_keys_only() -> None:
    optional: dict[str, Any] = dict.fromkeys(["count", "is_urgent", "tests", "labels", "kind"])
    assert checked(Order, {"text": "a", **optional}).valid() == checked(Order, {"text": "a"}).valid()
    assert checked(Order, {"text": "a", "tests": [{"points": None}]}).valid().tests == [Inner()]
    assert pointers({"text": None}) == ["/text"]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_texts_that_cannot_be_stored_are_refused(text: str) -> None:
    assert pointers({"text": text}) == ["/text"]
    assert pointers({"text": "a", "labels": {"b": text, "c": "d"}}) == ["/labels/b"]
    assert pointers({"text": "a", "labels": {text: "b"}}) == ["/labels"]


def test_a_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(ApiError, match="is there twice"):
        parse_json(b'{"text": "a", "text": "b"}')


def test_a_query_is_read_strictly() -> None:
    good = query("limit=7&is_urgent=true&after=2026-01-31T12:00:00Z&ratio=-1.5&text=5&metadata.a.b=c")
    assert good.model_dump_json() == (
        '{"limit":7,"is_urgent":true,"after":"2026-01-31T12:00:00Z","ratio":-1.5,"text":"5","metadata":{"a.b":"c"}}'
    )
    for bad in (
        "limit=0", "limit=201", "limit=1.0", "limit=1_0", "limit=%201", "limit=", "limit=+1", "is_urgent=1",
        "is_urgent=True", "after=1700000000", "after=2026-01-31", "after=2026-13-31T12:00:00Z", "ratio=nan",
        "ratio=1e5", "text=a%00b", "text=caf%E9", "nothing=1", "limit=1&limit=1", "metadata=1",
    ):  # fmt: skip
        assert parameters(bad) == [bad.partition("=")[0]], bad
    assert parameters("limit=0&ratio=x&other=1&text=1&text=2") == ["text", "limit", "ratio", "other"]


def test_a_query_of_very_many_parameters_is_one_fault() -> None:
    assert parameters("&".join(f"{n:x}" for n in range(10_000))) == [""]
    assert len(parameters("&".join(f"{n:x}" for n in range(64)))) == 64


def test_a_whole_bound_has_no_decimals() -> None:
    assert sentence({"type": "less_than_equal", "ctx": {"le": 60.0}}) == "It must be at most 60."
    assert sentence({"type": "less_than_equal", "ctx": {"le": 0.5}}) == "It must be at most 0.5."
