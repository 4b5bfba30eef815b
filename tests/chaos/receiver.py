"""A receiver of webhooks, which counts those that arrive by their ids."""

import base64
import time
from collections import Counter
from typing import Final

from standardwebhooks.webhooks import Webhook

from tests.fixtures.http_thread import Handler, Server

#: Signs the webhooks of a chaos system.
SECRET: Final = "whsec_" + base64.b64encode(b"chaos-" * 5).decode()


class Receiver(Server):
    """Accepts every webhook whose signature is right."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.arrived: Counter[str] = Counter()
        #: When each came first, in seconds of `time.monotonic`.
        self.times: dict[str, float] = {}
        #: What was wrong: no signature, or another body than the first with its id.
        self.wrong: list[str] = []
        self._bodies: dict[str, bytes] = {}

    def take(self, headers: dict[str, str], body: bytes) -> None:
        name = headers.get("webhook-id", "")
        try:
            Webhook(SECRET).verify(body, headers)
        except Exception as exc:
            self.wrong.append(f"webhook {name} is not signed: {exc}")
            return
        if self._bodies.setdefault(name, body) != body:
            self.wrong.append(f"webhook {name} came with two bodies")
        self.times.setdefault(name, time.monotonic())
        self.arrived[name] += 1


class _Handler(Handler):
    server: Receiver

    def post(self) -> None:
        if (body := self.read_body()) is not None:
            self.server.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.answer(204)
