import socket

import pytest

from precieux.ports import free_ports
from shared.errors import PrecieuxError


def test_ports_differ_and_are_outside_of_the_clients_range() -> None:
    found = free_ports(50)
    assert len(set(found)) == 50
    assert max(found) < 32768


def test_the_first_free_candidate_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        (free,) = free_ports(1)
        assert free_ports(1, [taken, free]) == [free]
        with pytest.raises(PrecieuxError, match="fewer than 1 free ports"):
            free_ports(1, [taken])
