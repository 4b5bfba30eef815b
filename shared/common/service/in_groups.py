"""Divides work by its size, such as bytes that are in memory at once."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def in_groups(items: Iterable[T], size_of: Callable[[T], int], max_size: int) -> Iterator[list[T]]:
    """Yield the items in their order, in groups whose sizes are at most `max_size` in sum. A larger item is alone."""
    group: list[T] = []
    total = 0
    for item in items:
        size = size_of(item)
        if group and total + size > max_size:
            yield group
            group, total = [], 0
        group.append(item)
        total += size
    if group:
        yield group
