"""Plans of statements, as Postgres explains them in JSON."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from shared.adapters.database.connection import Database
from tests.integration.rows import fetch

Node = dict[str, Any]


async def plan_of(database: Database, sql: str, **values: object) -> list[Node]:
    """Return all nodes of the plan by which a statement was executed, the first one first."""
    [row] = await fetch(database, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", **values)
    return nodes_of(str(row["QUERY PLAN"]))


def nodes_of(plan: str) -> list[Node]:
    return list(_below(json.loads(plan)[0]["Plan"]))


def rows_read(nodes: Iterable[Node]) -> float:
    """Return the number of rows that were taken from tables, with those that a filter dropped."""
    dropped = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    return sum(
        float((node["Actual Rows"] + sum(node.get(name, 0) for name in dropped)) * node["Actual Loops"])
        for node in nodes
        if "Relation Name" in node and "Scan" in node["Node Type"]
    )


def _below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _below(child)
