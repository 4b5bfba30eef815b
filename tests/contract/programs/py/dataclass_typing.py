from __future__ import annotations

import typing
from dataclasses import dataclass


@dataclass
class Point:
    x: int
    y: list[Point]


print(Point(1, []), typing.get_type_hints(Point))
