"""Each disagreement of the books is seen: true books with one false entry have exactly that one."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.cluster.agreement import Books, disagreements

BOOKS = Books(
    known=[1, 2],
    listed=[(1, "finished"), (2, "cancelled"), (3, "finished")],
    stored={1: "finished", 2: "cancelled", 3: "finished"},
    files=["1.py", "2.py", "3.py"],
    jobs=[11, 12, 13],
    objects=["1.py", "2.py", "3.py", "results/11-1-aa.txt", "results/11-2-bb.txt"],
    executed=[11, 13],
    results=[13, 11],
    mails={"<a>": "sent", "<b>": "suppressed"},
    mailbox={"<a>": 2},
    webhooks={"msg_a": "delivered", "msg_b": "pending"},
    received={"msg_a": 1},
    rows_alone=[("job", 0)],
)


def test_true_books_agree() -> None:
    assert disagreements(BOOKS) == []


@pytest.mark.parametrize(
    ("entry", "finding"),
    [
        ({"known": [1, 2, 4]}, "submission 4 was acknowledged, and the API does not list it"),
        ({"listed": [*BOOKS.listed, (3, "finished")]}, "the API lists submission 3 2 times"),
        ({"listed": [*BOOKS.listed, (5, "finished")]}, "the API lists submission 5, and it is not stored"),
        ({"listed": BOOKS.listed[:2]}, "submission 3 is stored, and the API does not list it"),
        (
            {"stored": {**BOOKS.stored, 3: "failed"}},
            "submission 3 is finished in the API's list, and failed in the database",
        ),
        ({"results": [11, 13, 13]}, "job 13 has 2 results"),
        ({"results": [11]}, "2 jobs were executed, and 1 have a result"),
        ({"objects": BOOKS.objects[1:]}, "the file 1.py is not in the store"),
        ({"objects": [*BOOKS.objects, "sources/x.py"]}, "the object sources/x.py belongs to nothing after the sweep"),
        (
            {"objects": [*BOOKS.objects, "results/14-1-cc.txt"]},
            "the object results/14-1-cc.txt belongs to nothing after the sweep",
        ),
        ({"mailbox": {}}, "the mail <a> is sent, and did not arrive"),
        ({"mailbox": {"<a>": 1, "<c>": 3}}, "the mail <c> arrived 3 times, and is not in the database"),
        ({"received": {}}, "the webhook msg_a is delivered, and did not arrive"),
        ({"received": {"msg_a": 1, "msg_c": 1}}, "the webhook msg_c arrived 1 times, and is not in the database"),
        ({"rows_alone": [("job", 2)]}, "2 rows of job belong to nothing"),
    ],
)
def test_a_false_entry_is_seen(entry: dict[str, Any], finding: str) -> None:
    assert disagreements(replace(BOOKS, **entry)) == [finding]
