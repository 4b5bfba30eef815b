from precieux.host.ports import free_ports


def test_ports_differ_and_are_outside_of_the_clients_range() -> None:
    found = free_ports(50)
    assert len(set(found)) == 50
    assert max(found) < 32768
