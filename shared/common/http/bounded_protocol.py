"""Bounds on one connection of an HTTP server: how long it may take, and what its client may send.

uvicorn waits for the head of a request for as long as the client likes, takes heads of any length, and keeps an answer
until the client has read it. `BoundedProtocol` gives each of these a bound. The body of a request is bounded by
`shared.common.http.bodies`.

uvicorn also loses the body of a request that offers another protocol, such as HTTP/2. `_Parser` keeps it.
"""

import asyncio
import functools
import re
import socket
import struct
import time
import uuid
from array import array
from email.utils import formatdate
from typing import Any, Final, cast

import httptools
from starlette.types import Message, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.common.http.connections import Connections, network

#: Header fields of one request, trailers included. Each takes more memory than its bytes.
_MAX_FIELDS: Final = 128
#: Requests that a client may send before the first of them is answered.
_MAX_PIPELINED: Final = 8
#: Pieces of a body, and the average bytes of every further one. Each piece takes time, however short it is.
_MAX_PIECES: Final = 1000
_MIN_PIECE: Final = 256
#: Bytes of a body that are read after its request was answered, so that its client sees the answer.
_MAX_UNWANTED: Final = 32 << 20

#: The name of `BoundedProtocol.stop_counting` in the scope of a request.
_STOP_COUNTING: Final = "precieux.stop_counting"
#: A host and perhaps a port (RFC 9110, section 7.2), by the letters that they may have.
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
_NO_LINGER: Final = struct.pack("ii", 1, 0)


def _answer(status: bytes, sentence: str = "") -> bytes:
    """Return the last answer on a connection; `status` may have header fields below it."""
    body = sentence.encode()
    kind = b"Content-Type: text/plain; charset=utf-8\r\n" if body else b""
    return b"HTTP/1.1 %s\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s" % (status, kind, len(body), body)


def _with_id(answer: bytes) -> bytes:
    """Return the answer with the id of a request that was not read, as all answers have one."""
    return answer.replace(b"\r\n", b"\r\nX-Request-Id: %s\r\n" % uuid.uuid4().hex.encode(), 1)


_TOO_SLOW: Final = _answer(b"408 Request Timeout")
_NO_WEBSOCKET: Final = _answer(
    b"400 Bad Request", "A WebSocket is opened by GET without a body, and with lines of at most 8192 bytes.\n"
)
_FULL: Final = _answer(
    b"503 Service Unavailable\r\nRetry-After: 1", "Too many connections are open; try again in a moment.\n"
)


def stop_counting(scope: Scope) -> None:
    """Do not count the connection of this request while its answer is sent.

    It is for answers that take long, and that the application counts in another way. Otherwise a few of them would use
    up the connections of all other requests.
    """
    if (stop := scope.get(_STOP_COUNTING)) is not None:
        stop()


class _Parser(httptools.HttpRequestParser):
    """Reads a request that offers a protocol which we do not speak as if it made no offer (RFC 9110, section 7.8).

    Java's client offers HTTP/2 with each request. httptools would end such a request at its head, and take its body for
    the next request.
    """

    def __init__(self, protocol: "BoundedProtocol") -> None:
        super().__init__(protocol)
        self._protocol = protocol

    # Quoted, because an array has no subscript before Python 3.12.
    def feed_data(self, data: "bytes | bytearray | memoryview | array[int]") -> None:
        while True:
            try:
                super().feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                head = self._protocol.take_declined()
                if head is None:
                    raise
                data = head + bytes(data[upgrade.args[0] :])
            else:
                return


class _ClosingLate:
    """The transport of the last answer on a connection. The connection ends when the client has sent its body.

    Otherwise the kernel would reset it, and a client that is still sending, such as `urllib`, would not see the answer.
    """

    def __init__(self, protocol: "BoundedProtocol") -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self._protocol.close_after_body()


class BoundedProtocol(HttpToolsProtocol):
    """One connection of uvicorn's, with the bounds of `Connections`."""

    def __init__(self, connections: Connections, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self.parser = _Parser(self)
        # As uvicorn does, for clients that pipeline.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._all = connections
        self._limits = connections.limits
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._bytes_beside_bodies = 0
        self._in_body = False
        self._pieces = 0
        self._body_bytes = 0
        self._unwanted_bytes = 0
        self._is_counted = True
        self._is_upgraded = False
        self._declined: bytes | None = None
        self._closes = False
        self._early = b""
        self._unanswered: list[RequestResponseCycle] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # `pause_writing` is called whenever the kernel has not taken everything, and `resume_writing` when it has.
        transport.set_write_buffer_limits(high=0)
        if self._all.admit(self, self._address):
            self._await_head()
        elif not self._all.wait(self, self._address):
            self._close_with(_FULL)

    def begin(self) -> None:
        """Read the first request of a connection that has waited."""
        self._await_head()
        early, self._early = self._early, b""
        if early:
            self.transport.resume_reading()
            self.data_received(early)

    def _should_upgrade(self) -> bool:
        # The answers of requests before it would be lost, because the WebSocket's protocol takes the connection over.
        return super()._should_upgrade() and self._is_idle()

    def handle_websocket_upgrade(self) -> None:
        # From here on another protocol has the connection, so our timers must end now.
        self._is_upgraded = True
        self._all.remove(self)
        self._stop_head_timer()
        self._stop_answer_timer()
        super().handle_websocket_upgrade()
        # uvicorn would leave a request that its WebSocket's protocol cannot read without an answer, and without an end.
        websocket: Any = self.transport.get_protocol()
        if websocket.conn.handshake_exc is not None:
            self._close_with(_NO_WEBSOCKET)

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn notifies only the last of the requests that a client has pipelined.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        self._all.remove(self)
        self._stop_head_timer()
        self._stop_answer_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._all.is_waiting(self):
            self._early = data
            self.transport.pause_reading()
            return
        self._bytes_beside_bodies += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._is_upgraded:
            return
        if self._bytes_beside_bodies > self._limits.head_bytes:
            self._refuse_head()
        elif self._is_idle():
            self._await_head()
            self._count_unwanted(len(data))

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():  # if the head was too long, the client has its answer
            sentence = (
                f"{msg} Send what HTTP/1.1 allows, with one valid Host, at most {_MAX_FIELDS} header fields, and at"
                f" most {_MAX_PIPELINED} further requests before the answer to the first."
            )
            self._close_with(_answer(b"400 Bad Request", sentence))

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise ValueError("too many requests at once")
        super().on_message_begin()
        self.scope[_STOP_COUNTING] = self.stop_counting  # type: ignore[typeddict-unknown-key]

    def stop_counting(self) -> None:
        self._is_counted = False
        self._all.remove(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= _MAX_FIELDS:
            raise ValueError("too many header fields")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self._limits.head_bytes:
            self._refuse_head()
            raise ValueError("the head is too long")
        hosts = [value for name, value in self.headers if name == b"host"]
        fewest = 0 if self.parser.get_http_version() == "1.0" else 1
        if not all(map(_HOST.fullmatch, hosts)) or not fewest <= len(hosts) <= 1:
            raise ValueError("the request has no valid Host, or several")
        if self.parser.should_upgrade() and not self._should_upgrade():
            if self.parser.get_method() == b"CONNECT":  # the parser takes what follows it for a tunnel
                raise ValueError("CONNECT is for proxies")
            self._declined = self._head_without_offer()
            return
        self.server_state.default_headers = _default_headers(int(time.time()))
        self._stop_head_timer()
        self._in_body = True
        self._bytes_beside_bodies = self._pieces = self._body_bytes = self._unwanted_bytes = 0
        earlier = self.cycle
        super().on_headers_complete()
        if self.cycle is not earlier:
            self._unanswered.append(self.cycle)
            if self._all.is_in_the_way(self):
                self.cycle.keep_alive = False  # the answer says so, and another has its turn
        if self.cycle is not None and self.parser.get_http_version() == "1.0":
            _send_without_chunks(self.cycle)
        if self.cycle is not None and not self.cycle.keep_alive:
            self.cycle.transport = cast("asyncio.Transport", _ClosingLate(self))
        self._all.set_stalled(self)

    def on_body(self, body: bytes) -> None:
        self._bytes_beside_bodies = 0
        self._pieces += 1
        self._body_bytes += len(body)
        if self._pieces > _MAX_PIECES + self._body_bytes // _MIN_PIECE:
            raise ValueError("the body has too many pieces")
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._declined is not None:
            return
        self._in_body = False
        super().on_message_complete()
        self._set_under_way()
        if self._closes:
            self.transport.close()

    def close_after_body(self) -> None:
        if not self._in_body:
            self.transport.close()
        elif not self._closes:
            self._closes = True
            self._await_head()

    def on_response_complete(self) -> None:
        self._unanswered = [cycle for cycle in self._unanswered if not cycle.response_complete]
        super().on_response_complete()
        if not self._is_counted and not self.transport.is_closing():
            self._is_counted = self._all.admit(self, self._address)
            if not self._is_counted:
                self.transport.close()
        if self._is_idle() and not self.transport.is_closing():
            self._all.set_idle(self)  # uvicorn has set its timer for connections that are kept alive

    def pause_writing(self) -> None:
        super().pause_writing()
        self._all.set_stalled(self)
        if self._answer_timer is None:
            self._answer_timer = self.loop.call_later(self._limits.answer_s, self._reset)

    def resume_writing(self) -> None:
        self._stop_answer_timer()
        super().resume_writing()
        self._set_under_way()

    def take_declined(self) -> bytes | None:
        """Return the head of the request whose offer was declined, to be parsed once more; None without one."""
        head, self._declined = self._declined, None
        return head

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        fields = [b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return b"%s %s HTTP/%s\r\n%s\r\n" % (self.parser.get_method(), self.url, version, b"".join(fields))

    @property
    def _address(self) -> str:
        return network(self.client[0] if self.client else "")

    def _is_idle(self) -> bool:
        return self.cycle is None or (self.cycle.response_complete and not self.pipeline)

    def _set_under_way(self) -> None:
        if self._is_idle():
            return
        if self._in_body or self._answer_timer is not None:
            self._all.set_stalled(self)
        else:
            self._all.set_busy(self)

    def _count_unwanted(self, size: int) -> None:
        if self._in_body:
            self._unwanted_bytes += size
            if self._unwanted_bytes > _MAX_UNWANTED:
                self._reset()

    def _await_head(self) -> None:
        self._all.set_idle(self)
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_s, self._close_with, _TOO_SLOW)

    def _close_with(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            if not self._closes:  # otherwise the client has the last answer
                self.transport.write(_with_id(answer))
            self.transport.close()

    def _refuse_head(self) -> None:
        sentence = (
            f"The path, the query and the header fields of a request may have {self._limits.head_bytes} bytes together:"
            " send what is long in the body.\n"
        )
        self._close_with(_answer(b"431 Request Header Fields Too Large", sentence))

    def _reset(self) -> None:
        """Close the connection, and have the kernel drop what the client has not read (socket(7), `SO_LINGER`)."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None


def _send_without_chunks(cycle: Any) -> None:
    """Have the end of the connection end an answer, because HTTP/1.0 has no chunks (RFC 9112, section 6.1)."""
    send = cycle.send

    async def send_whole(message: Message) -> None:
        cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    cycle.chunked_encoding = False
    cycle.send = send_whole


@functools.lru_cache(maxsize=1)
def _default_headers(second: int) -> list[tuple[bytes, bytes]]:
    """Return the fields that uvicorn adds to each answer of the application in this second. Pure."""
    return [(b"date", formatdate(second, usegmt=True).encode())]
