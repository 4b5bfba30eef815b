"""A connection of pika's that waits for each answer of RabbitMQ only until a deadline.

pika waits for as long as the node sends heartbeats. A damaged node sends them, and may answer nothing else.

pika loses its connection by a message whose headers Python cannot hold, such as a time in milliseconds where AMQP has
seconds. Here such a message has no properties.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

import pika
from pika import spec
from pika.adapters.select_connection import SelectConnection
from pika.exceptions import AMQPConnectionError, InvalidFieldTypeException
from pika.frame import Header
from pika.spec import BasicProperties

#: Seconds for an answer, as long as for a node that blocks publishers (`blocked_connection_timeout`).
ANSWER_SECONDS: Final = 60.0
#: Seconds for an answer while the connection closes.
CLOSE_SECONDS: Final = 3.0

#: What pika raises for such headers.
_UNREADABLE: Final = (ValueError, OverflowError, OSError, RecursionError, struct.error, InvalidFieldTypeException)


class _TolerantConnection(SelectConnection):
    _frame_buffer: bytes  # the type stubs leave it out

    def _read_frame(self) -> tuple[int, Any]:
        try:
            return super()._read_frame()  # type: ignore[misc, no-any-return]
        except _UNREADABLE:
            kind, channel, size = struct.unpack_from(">BHL", self._frame_buffer)
            if kind != spec.FRAME_HEADER:
                raise
            # The class and the weight come before the size of the body.
            (body_size,) = struct.unpack_from(">4xQ", self._frame_buffer, spec.FRAME_HEADER_SIZE)
            return spec.FRAME_HEADER_SIZE + size + spec.FRAME_END_SIZE, Header(channel, body_size, BasicProperties())


def message_id_of(properties: BasicProperties) -> str | None:
    """Return the id of a message as text. pika returns bytes if it is not in UTF-8."""
    value: str | bytes | None = properties.message_id
    return value.decode(errors="replace") if isinstance(value, bytes) else value


class DeadlineConnection(pika.BlockingConnection):
    """A blocking connection that is lost, with an `AMQPConnectionError`, if an answer does not come in time."""

    _impl: Any  # pika's connection beneath this one; the type stubs leave it out
    _is_ending = False

    def __init__(self, parameters: pika.connection.Parameters | Sequence[pika.connection.Parameters]) -> None:
        super().__init__(parameters, _impl_class=_TolerantConnection)  # type: ignore[arg-type]

    def close(self, reply_code: int = 200, reply_text: str = "Normal shutdown") -> None:
        self._is_ending = True
        super().close(reply_code, reply_text)

    def _flush_output(self, *waiters: Callable[[], bool]) -> None:
        """Wait for one answer, as each call of pika does by this method, with a timer on the same thread.

        `process_data_events` waits here too, so its time limit must be below `ANSWER_SECONDS`.
        """
        impl = self._impl
        seconds = CLOSE_SECONDS if self._is_ending else ANSWER_SECONDS
        timer = None if self.is_closed else impl._adapter_call_later(seconds, lambda: cut(impl, seconds))
        try:
            super()._flush_output(*waiters)  # type: ignore[misc]
        finally:
            if timer is not None:
                impl._adapter_remove_timeout(timer)


def cut(connection: Any, seconds: float) -> None:
    """End a connection of pika's at once, without a close. Waits on it raise `AMQPConnectionError`."""
    if not connection.is_closed:
        connection._terminate_stream(AMQPConnectionError(f"RabbitMQ did not answer in {seconds:g} s"))
