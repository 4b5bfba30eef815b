"""Which of the messages on the wire RabbitMQ has taken.

It answers each message of a confirming channel by its number, counted from 1: `basic.ack` when it has taken
responsibility, `basic.nack` when it could not, either one possibly for all `multiple` numbers up to it. A message that
no queue takes comes back as `basic.return` *before* its ack, so an ack alone proves nothing.
(https://www.rabbitmq.com/docs/confirms)
"""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from pika.frame import Method
from pika.spec import Basic, BasicProperties

T = TypeVar("T")
Confirmation = bool | None  #: taken, refused, or (None) the connection was lost before the broker said


@dataclass(slots=True)
class _Unconfirmed:
    message_id: str
    outcome: "asyncio.Future[Confirmation]"
    returned: bool = False


class Confirms:
    """Those of one channel, on its event loop. Outcomes never raise, so that nobody must collect them."""

    def __init__(self) -> None:
        self._unconfirmed: dict[int, _Unconfirmed] = {}
        self._last_number = 0

    def expect(self, message_id: str) -> "asyncio.Future[Confirmation]":
        """Call it once per message, in the order of publishing."""
        self._last_number += 1
        outcome: asyncio.Future[Confirmation] = asyncio.get_running_loop().create_future()
        self._unconfirmed[self._last_number] = _Unconfirmed(message_id, outcome)
        return outcome

    def on_confirm(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        number = frame.method.delivery_tag
        covered = [each for each in self._unconfirmed if each <= number] if frame.method.multiple else [number]
        for confirmed in covered:
            if unconfirmed := self._unconfirmed.pop(confirmed, None):
                resolve(unconfirmed.outcome, isinstance(frame.method, Basic.Ack) and not unconfirmed.returned)

    def on_return(self, properties: BasicProperties) -> None:
        """Messages come back in the order of publishing, so it is the first of its `message_id` not yet returned."""
        for unconfirmed in self._unconfirmed.values():
            if unconfirmed.message_id == properties.message_id and not unconfirmed.returned:
                unconfirmed.returned = True
                return

    def give_up(self) -> None:
        """The connection is lost: what is unconfirmed stays unknown."""
        for unconfirmed in self._unconfirmed.values():
            resolve(unconfirmed.outcome, None)
        self._unconfirmed.clear()


def resolve(future: "asyncio.Future[T]", value: T) -> None:
    """Set the result, unless there is one or nobody waits for it any more."""
    if not future.done():
        future.set_result(value)
