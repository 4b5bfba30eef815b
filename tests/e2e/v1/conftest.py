import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final, NamedTuple

import pytest

from tests.fixtures.contract import Api, Contract, create_key
from tests.problem_packages import pack

Push = Callable[[Mapping[str, str | bytes]], str]

_NUMBERS: Final = count(1)


class Event(NamedTuple):
    id: str | None
    event: str
    data: Any


def parse(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                yield Event(fields.get("id"), fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


@pytest.fixture(scope="session")
def setter(system: Contract) -> Iterator[Api]:
    """Yield a client with a key that may store problems."""
    with Api(system.url, create_key(system.data_dir, "setter", "problems", "submit", "read")["key"]) as api:
        yield api


@pytest.fixture
def push(setter: Api) -> Push:
    """Return what stores a package under a new name, and returns the name."""

    def store(files: Mapping[str, str | bytes]) -> str:
        name = f"problem-{next(_NUMBERS)}"
        headers = {"Content-Type": "application/zip"}
        answer = setter.put(f"/v1/problems/{name}", content=pack(files).read(), headers=headers)
        assert answer.status_code == 201, answer.text
        return name

    return store
