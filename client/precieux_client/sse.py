"""Reads streams of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Final

from precieux_client.calls import MAX_JSON
from precieux_client.errors import PrecieuxError
from precieux_client.models import Event

#: httpx and `str.splitlines` also end lines at U+0085 and U+2028, which may be in the output of a program.
_LINE_END: Final = re.compile("\r\n|\n|\r")


class EventParser:
    """Makes events of the text of a stream. `last_id` is that of the latest event that had one."""

    def __init__(self) -> None:
        self.last_id: str | None = None
        self.begin()

    def begin(self) -> None:
        """Begin with a new connection: forget what the one before left incomplete."""
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._size = 0
        self._pieces: list[str] = []
        self._after_cr = False
        self._name = ""
        self._id: str | None = None
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Take the next piece of the stream, and yield the events that it completes. Raises `PrecieuxError`."""
        text = self._decoder.decode(piece)
        self._size += len(text)
        if self._size > MAX_JSON:
            raise PrecieuxError(f"The server sends an event of more than {MAX_JSON} bytes.")
        if not text:
            return
        if self._after_cr:
            text = text.removeprefix("\n")  # the second half of a line's end
        self._after_cr = text.endswith("\r")
        *lines, rest = _LINE_END.split(text)
        for line in lines:
            event = self._take("".join(self._pieces) + line)
            self._pieces.clear()
            if event:
                yield event
        self._pieces.append(rest)

    def _take(self, line: str) -> Event | None:
        if line == "":
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None  # other lines are comments, or fields that we do not use

    def _complete(self) -> Event | None:
        name, id_, data = self._name or "message", self._id, self._data
        self._name, self._id, self._data, self._size = "", None, [], 0
        if id_ is not None:
            self.last_id = id_
        if not data:
            return None
        try:
            return Event(name, json.loads("\n".join(data)), id_)
        except (ValueError, RecursionError) as exc:
            raise PrecieuxError("The server sends an event that is not JSON.") from exc
