"""A plugin for pytest. `-p tests.hosts.part --part 2/4` runs the second quarter of each test that has many cases. All
other tests run in each part."""

from itertools import groupby

import pytest

#: A test with fewer cases is not split.
_MANY = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", default="1/1", help="N/M: the Nth of M parts")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    number, parts = map(int, config.getoption("--part").split("/"))
    items[:] = select(items, number, parts)


def select(items: list[pytest.Item], number: int, parts: int) -> list[pytest.Item]:
    """Return the items of one part, in their order."""
    selected: list[pytest.Item] = []
    for _, group in groupby(items, key=lambda item: item.nodeid.partition("[")[0]):
        cases = list(group)
        selected += cases[number - 1 :: parts] if len(cases) >= _MANY else cases
    return selected
