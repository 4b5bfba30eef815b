"""Results are kept on disk."""

from pathlib import Path

from tests.hosts.facts import Facts
from tests.hosts.result import Result
from tests.hosts.store import Store

_FACTS = Facts("1 May 2026", "abc", "amd64", "6.12", "13.1", "257", "26", "0.12", "2", "KVM", 1.0)


def test_a_new_result_replaces_the_old_one(tmp_path: Path) -> None:
    store = Store(tmp_path, "amd64", "abc")
    assert (store.results, store.facts) == ([], None)
    store.keep(Result("one", "doctor", False, "hangs", 10, ("x", "y")), _FACTS)
    store.keep(Result("one", "attacks", True, "5", 10, (), 5, 5, "1/2"), _FACTS)
    store.keep(Result("one", "doctor", True, "serves", 3), _FACTS)
    again = Store(tmp_path, "amd64", "abc")
    assert again.facts == _FACTS
    assert again.results == [
        Result("one", "attacks", True, "5", 10, (), 5, 5, "1/2"),
        Result("one", "doctor", True, "serves", 3),
    ]
    assert Store(tmp_path, "amd64", "other").results == []
