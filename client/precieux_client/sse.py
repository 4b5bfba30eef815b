"""Reads streams of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import json

from precieux_client.models import Event


class EventParser:
    """Makes events of the lines of a stream. `last_id` is that of the latest event that had one."""

    def __init__(self) -> None:
        self.last_id: str | None = None
        self._name = ""
        self._id: str | None = None
        self._data: list[str] = []

    def feed(self, line: str) -> Event | None:
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
