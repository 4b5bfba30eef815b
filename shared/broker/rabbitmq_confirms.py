"""Keeps track of the messages that RabbitMQ has confirmed.

On a confirming channel it answers each message by its number, counted from 1: `basic.ack` if it has taken the message,
`basic.nack` if it could not. With `multiple`, the answer is for all numbers up to this one. A message that no queue
takes comes back as `basic.return` *before* its ack, so an ack alone proves nothing.
(https://www.rabbitmq.com/docs/confirms)
"""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from pika.frame import Method
from pika.spec import Basic, BasicProperties

T = TypeVar("T")
Confirmation = bool | None  #: True: taken; False: refused; None: unknown, because the connection was lost


@dataclass(slots=True)
class _Unconfirmed:
    message_id: str
    outcome: "asyncio.Future[Confirmation]"
    returned: bool = False


class Confirms:
    """The confirms of one channel, on its event loop. Its futures never raise, so they need not be awaited."""

    def __init__(self) -> None:
        self._unconfirmed: dict[int, _Unconfirmed] = {}
        self._last_number = 0

    def expect(self, message_id: str) -> "asyncio.Future[Confirmation]":
        """Return the future of one message's confirm. Call it once per message, in the order of publishing."""
        self._last_number += 1
        outcome: asyncio.Future[Confirmation] = asyncio.get_running_loop().create_future()
        self._unconfirmed[self._last_number] = _Unconfirmed(message_id, outcome)
        return outcome

    def on_confirm(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        number = frame.method.delivery_tag
        covered = [other for other in self._unconfirmed if other <= number] if frame.method.multiple else [number]
        for confirmed in covered:
            if unconfirmed := self._unconfirmed.pop(confirmed, None):
                resolve(unconfirmed.outcome, isinstance(frame.method, Basic.Ack) and not unconfirmed.returned)

    def on_return(self, properties: BasicProperties) -> None:
        """Mark the first message with this `message_id`: messages come back in the order of publishing."""
        for unconfirmed in self._unconfirmed.values():
            if unconfirmed.message_id == properties.message_id and not unconfirmed.returned:
                unconfirmed.returned = True
                return

    def give_up(self) -> None:
        """Set all unconfirmed messages to unknown, after the connection was lost."""
        for unconfirmed in self._unconfirmed.values():
            resolve(unconfirmed.outcome, None)
        self._unconfirmed.clear()


def resolve(future: "asyncio.Future[T]", value: T) -> None:
    """Set the result, unless the future has one or was cancelled."""
    if not future.done():
        future.set_result(value)
