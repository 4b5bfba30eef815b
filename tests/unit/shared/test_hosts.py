import pytest

from shared.common.service.hosts import one_address_per_host


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("postgresql://u:p@a:1/d?x=1", ["postgresql://u:p@a:1/d?x=1"]),
        ("postgresql://u:p@/d?host=/s,t", ["postgresql://u:p@/d?host=/s,t"]),
        ("amqp://u:p@a:1,b/%2F", ["amqp://u:p@a:1/%2F", "amqp://u:p@b/%2F"]),
        ("amqp://a,b", ["amqp://a", "amqp://b"]),
        ("amqp://u:p%40@[::1]:1,[::2]:2/v", ["amqp://u:p%40@[::1]:1/v", "amqp://u:p%40@[::2]:2/v"]),
    ],
)
def test_each_host_has_its_address(url: str, addresses: list[str]) -> None:
    assert one_address_per_host(url) == addresses
