"""A plugin for pytest: `-p tests.hosts.part --part 2/4` runs the second quarter of every test that has many parameters.
All other tests are run in each part."""

from itertools import groupby

import pytest

#: A test with fewer parameters is not worth cutting.
_MANY = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", default="1/1", help="N/M: the Nth of M parts")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    number, parts = map(int, config.getoption("--part").split("/"))
    items[:] = chosen(items, number, parts)


def chosen(items: list[pytest.Item], number: int, parts: int) -> list[pytest.Item]:
    kept: list[pytest.Item] = []
    for _, group in groupby(items, key=lambda item: item.nodeid.partition("[")[0]):
        cases = list(group)
        kept += cases[number - 1 :: parts] if len(cases) >= _MANY else cases
    return kept
