from __future__ import annotations


def f(x: undefined) -> nothing:
    pass


print(f.__annotations__)
