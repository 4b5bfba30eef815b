from collections.abc import Sequence

import pytest

from shared.adapters.broker.base import Ack, Delivery, Reject, Retry, Settlement
from shared.adapters.broker.handling import MAX_ATTEMPTS, settle_batch
from shared.common.service.errors import DatabaseUnavailable

BATCH = [Delivery(body=b"%d" % number, message_id=None, attempt=1) for number in range(4)]


async def test_only_the_message_that_breaks_the_handler_is_charged() -> None:
    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        if any(delivery.body == b"2" for delivery in deliveries):
            raise ZeroDivisionError
        return [Ack()] * len(deliveries)

    assert await settle_batch(handle, BATCH) == [Ack(), Ack(), Retry(), Ack()]


async def test_a_message_that_fails_too_often_is_rejected() -> None:
    calls: list[int] = []

    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        calls.append(len(deliveries))
        raise ZeroDivisionError

    failing = [Delivery(body=b"1", message_id=None, attempt=attempt) for attempt in (MAX_ATTEMPTS - 1, MAX_ATTEMPTS)]
    assert await settle_batch(handle, failing) == [Retry(), Reject("failed 5 times: ZeroDivisionError")]
    assert await settle_batch(handle, failing[:1]) == [Retry()]
    assert calls == [2, 1, 1, 1]


@pytest.mark.parametrize("in_batch", [DatabaseUnavailable("it is down"), ZeroDivisionError()])
async def test_a_dependency_that_is_down_charges_no_message(in_batch: Exception) -> None:
    async def handle(deliveries: Sequence[Delivery]) -> Sequence[Settlement]:
        raise in_batch if len(deliveries) > 1 else DatabaseUnavailable("it is down")

    with pytest.raises(DatabaseUnavailable):
        await settle_batch(handle, BATCH)
