"""The OpenAPI document describes a value as the server checks it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api_service.classic.schemas import Upload
from api_service.http.email_address import Address
from api_service.submissions.classic_list import ClassicListQuery
from shared.engine_api.languages import ALIASES

FIELDS: dict[str, Any] = Upload.model_json_schema()["properties"]
ADDRESS = re.compile(FIELDS["email"]["pattern"])
LANGUAGE = re.compile(FIELDS["language"]["pattern"])


def is_valid(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def is_described(address: str) -> bool:
    return len(address) <= FIELDS["email"]["maxLength"] and ADDRESS.fullmatch(address) is not None


@given(st.emails() | st.from_regex(r"[a-z.\-+\"@ ]{1,6}@[a-zX0-9.-]{1,16}", fullmatch=True))
@settings(deadline=None)
def test_an_address_is_described_as_it_is_checked(address: str) -> None:
    # The server checks Punycode further than a pattern can express.
    if "xn--" not in address.lower():
        assert is_described(address) == is_valid(Address, address)


@pytest.mark.parametrize(
    ("address", "valid"),
    [
        ("a@b.co", True), ("a+b@sub.example.com", True), ("a@EXAMPLE.COM", True), ("a" * 64 + "@example.com", True),
        ("a" * 65 + "@example.com", False), ("a@example.test", False), ("a@x.LOCALHOST", False), ("a@local", False),
        ("a@ab--c.com", False), ("a@abc--d.com", True), ("a@b.c0", False), ("a..b@example.com", False),
        ("a@" + "b" * 64 + ".com", False), ("a@" + "b" * 63 + ".com", True), ('"a"@example.com', False),
        ("a@[127.0.0.1]", False), ("a@b.co\n", False), ("a@b.co\0", False),
    ],
)  # fmt: skip
def test_an_address_is_accepted_or_refused_by_both(address: str, valid: bool) -> None:
    assert (is_described(address), is_valid(Address, address)) == (valid, valid)


@given(
    st.sampled_from([name for names in ALIASES.values() for name in names]).flatmap(
        lambda name: st.sampled_from([name, name.upper(), name.title(), f" {name}\t", f"{name}\x85", f"x{name}"])
    )
    | st.text(max_size=4)
)
@settings(deadline=None)
def test_a_language_is_described_as_it_is_checked(name: str) -> None:
    valid = is_valid(Upload.__annotations__["language"], name)
    assert (LANGUAGE.fullmatch(name) is not None) == valid


@pytest.mark.parametrize("field", ["id", "before", "limit"])
def test_a_number_is_described_as_it_is_checked(field: str) -> None:
    schema = ClassicListQuery.model_json_schema()["properties"][field]
    for value in (schema["minimum"], schema["maximum"]):
        assert is_valid(ClassicListQuery, {"email": "a@example.com", field: str(value)})
    for value in (schema["minimum"] - 1, schema["maximum"] + 1):
        assert not is_valid(ClassicListQuery, {"email": "a@example.com", field: str(value)})


@pytest.mark.parametrize(
    ("address", "hint"),
    [("a b@example.com", "send one address, and in a query string write %2B"), ("A <a@b.org>", "the address alone")],
)
def test_a_wrong_address_is_refused_with_a_hint(address: str, hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        Upload.model_validate({"email": address, "language": "py"})
