"""Reads streams of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import json
import re
from collections.abc import Iterator
from typing import Final

from precieux_client.models import Event

#: `str.splitlines` knows more ends of lines, such as U+2028, which a program's output may have.
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


class EventParser:
    """Makes events of the text of a stream. `last_id` is that of the latest event that had one."""

    def __init__(self) -> None:
        self.last_id: str | None = None
        self.begin()

    def begin(self) -> None:
        """Forget what a broken stream has left incomplete."""
        self._line: list[str] = []
        self._may_skip_newline = False
        self._name = ""
        self._id: str | None = None
        self._data: list[str] = []

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next piece of the stream, of any length, and yield the events that it completes."""
        if not text:
            return
        if self._may_skip_newline:  # a \r\n may be in two pieces
            text = text.removeprefix("\n")
        self._may_skip_newline = text.endswith("\r")
        first, *others = _LINE_END.split(text)
        self._line.append(first)
        for following in others:
            line, self._line = "".join(self._line), [following]
            if event := self._take(line):
                yield event

    def _take(self, line: str) -> Event | None:
        """Take a line without its end, and return the event that it completes, if it does."""
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
        self._name, self._id, self._data = "", None, []
        if id_ is not None:
            self.last_id = id_
        if not data:
            return None
        return Event(name, json.loads("\n".join(data)), id_)
