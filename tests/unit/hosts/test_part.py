"""Selecting one part of a suite."""

from types import SimpleNamespace
from typing import cast

import pytest

from tests.hosts.part import select


def _items(*nodeids: str) -> list[pytest.Item]:
    return [cast(pytest.Item, SimpleNamespace(nodeid=nodeid)) for nodeid in nodeids]


def test_many_cases_are_split_and_few_are_in_each_part() -> None:
    many = [f"t.py::test_attack[{number}]" for number in range(50)]
    items = _items(*many, "t.py::test_host[a]", "t.py::test_host[b]", "t.py::test_next")
    parts = [[item.nodeid for item in select(items, number, 3)] for number in (1, 2, 3)]
    assert all(part[-3:] == ["t.py::test_host[a]", "t.py::test_host[b]", "t.py::test_next"] for part in parts)
    assert sorted(nodeid for part in parts for nodeid in part[:-3]) == sorted(many)


def test_part_one_of_one_has_all_items() -> None:
    items = _items(*(f"t.py::test_attack[{number}]" for number in range(50)))
    assert select(items, 1, 1) == items
