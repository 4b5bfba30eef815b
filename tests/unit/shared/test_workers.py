"""The names of connections, of which the list of workers is made."""

import os

import pytest

from shared.records.operations import workers


def test_a_connections_name_tells_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "runner-7f9")
    worker = workers._parse(workers.connection_name("job_runner", slots=4))
    assert worker is not None
    assert (worker.service, worker.host, worker.pid, worker.slots) == ("job_runner", "runner-7f9", os.getpid(), 4)


def test_a_long_host_is_cut_as_postgres_cuts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 64)
    name = workers.connection_name("queue_consumer")
    assert len(name) == 63
    assert workers._parse(name) is not None


@pytest.mark.parametrize("name", ["precieux", "precieux x", "precieux a b c d e", "precieux a 1 ² 3 h", "psql"])
def test_other_names_are_no_workers(name: str) -> None:
    assert workers._parse(name) is None
