"""Delivery tags, confirms and connection parameters, without a broker."""

import asyncio
import traceback
from typing import Any

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika.exceptions import AMQPConnectionError
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from shared.adapters.broker.rabbitmq_consumer import Hosts, attempt, covered_by_multiple
from shared.adapters.broker.rabbitmq_publisher import Confirms
from shared.adapters.broker.rabbitmq_topology import connection_parameters
from shared.common.service.errors import ConfigurationError


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, 1),
        ({}, 1),
        ({"x-delivery-count": 0}, 1),
        ({"x-delivery-count": 3}, 4),
        ({"x-delivery-count": "many"}, 1),
        ({"x-delivery-count": -5}, 1),
    ],
)
def test_the_attempt_is_one_more_than_the_failed_deliveries(headers: object, expected: int) -> None:
    assert attempt(headers) == expected


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_a_multiple_ack_never_covers_a_tag_that_is_not_done(unsettled: set[int], chosen: set[int]) -> None:
    done = unsettled & chosen
    ascending = sorted(unsettled)
    highest = covered_by_multiple(ascending, done)
    assert {tag for tag in unsettled if tag <= highest} <= done
    following = [tag for tag in ascending if tag > highest]
    assert not following or following[0] not in done


async def test_a_multiple_confirm_settles_exactly_up_to_its_number() -> None:
    confirms = Confirms()
    outcomes = [confirms.expect(f"m{number}") for number in range(1, 5)]
    confirms.on_confirm(Method(1, Basic.Ack(delivery_tag=3, multiple=True)))
    assert [_value(outcome) for outcome in outcomes] == [True, True, True, "pending"]
    confirms.on_confirm(Method(1, Basic.Nack(delivery_tag=4)))
    assert _value(outcomes[3]) is False


async def test_a_single_confirm_settles_one_out_of_order() -> None:
    confirms = Confirms()
    outcomes = [confirms.expect(f"m{number}") for number in range(1, 4)]
    confirms.on_confirm(Method(1, Basic.Ack(delivery_tag=2)))
    assert [_value(outcome) for outcome in outcomes] == ["pending", True, "pending"]
    confirms.on_confirm(Method(1, Basic.Nack(delivery_tag=3, multiple=True)))
    assert [_value(outcome) for outcome in outcomes] == [False, True, False]


async def test_a_returned_message_is_refused_although_its_ack_follows() -> None:
    confirms = Confirms()
    outcomes = [confirms.expect(message_id) for message_id in ("a", "b", "b")]
    confirms.on_return(BasicProperties(message_id="b"))
    confirms.on_confirm(Method(1, Basic.Ack(delivery_tag=3, multiple=True)))
    assert [_value(outcome) for outcome in outcomes] == [True, False, True]


async def test_unconfirmed_messages_of_a_lost_connection_are_unknown() -> None:
    confirms = Confirms()
    first, second = confirms.expect("a"), confirms.expect("b")
    confirms.on_confirm(Method(1, Basic.Ack(delivery_tag=1)))
    confirms.give_up()
    assert (_value(first), _value(second)) == (True, None)


def test_a_confirm_of_an_unknown_message_is_ignored() -> None:
    Confirms().on_confirm(Method(1, Basic.Ack(delivery_tag=7, multiple=True)))


def test_the_address_overrides_our_parameters() -> None:
    [ours] = connection_parameters("amqp://broker.example.com/tests", "publisher")
    assert (ours.heartbeat, ours.virtual_host, ours.port) == (10, "tests", 5672)
    [theirs] = connection_parameters(
        "amqps://user:p%40ss@broker.example.com/?heartbeat=7&socket_timeout=1.5", "consumer"
    )
    assert (theirs.heartbeat, theirs.socket_timeout, theirs.port) == (7, 1.5, 5671)
    assert theirs.ssl_options is not None


@pytest.mark.parametrize("query", ["heartbeat=s3cret", "s3cret=1", "ssl_options=s3cret", "client_properties=1"])
def test_an_address_that_pika_cannot_read_is_one_sentence(query: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^PRECIEUX_AMQP_URL is wrong: its query") as raised:
        connection_parameters(f"amqp://broker.example.com/?{query}", "publisher")
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


def _value(outcome: "asyncio.Future[Any]") -> Any:
    return outcome.result() if outcome.done() else "pending"


def test_the_host_in_use_is_tried_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that did not answer is tried after those that did, since each try of it may take seconds."""
    gone = {"b"}
    tried: list[str] = []

    def connect(parameters: Any) -> str:
        tried.append(parameters.host)
        if parameters.host in gone:
            raise AMQPConnectionError
        return str(parameters.host)

    monkeypatch.setattr("shared.adapters.broker.rabbitmq_consumer.DeadlineConnection", connect)
    hosts = Hosts([pika.URLParameters(f"amqp://{host}") for host in "abc"])
    assert [str(hosts.connect()) for _ in range(4)] == ["a", "c", "a", "c"]
    assert "".join(tried) == "abcac"
    gone |= {"a", "c"}
    with pytest.raises(AMQPConnectionError):
        hosts.connect()
    gone.clear()
    assert {str(hosts.connect()) for _ in range(3)} == {"a", "b", "c"}
