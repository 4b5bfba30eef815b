"""The kinds of processes in the table of an idle system."""

import pytest

from benchmarks.idle import kind_of


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("/venv/bin/python -P -m precieux up", "`precieux up`"),
        ("python -m job_runner   ", "`job_runner`"),
        ("/venv/bin/python -P -m executor", "`executor`"),
        ("postgres: precieux_api precieux [local] idle", "Postgres: connections"),
        ("postgres: walwriter", "Postgres: server"),
        ("/bin/postgres -D /data/cluster", "Postgres: server"),
        ("/usr/bin/python3 -I -S -B /box/keeper.pyz", "keeper and its wall"),
        ("/usr/bin/python3 /box/zygote.py", "Python: zygote and boxes"),
        ("/box/zygote", "other boxes"),
        ("sleep 1", "others"),
    ],
)
def test_a_process_is_counted_by_its_kind(command: str, kind: str) -> None:
    assert kind_of(command) == kind
