"""A receiver of webhooks, which counts those that arrive by their ids."""

import base64
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from standardwebhooks.webhooks import Webhook

#: Signs the webhooks of a chaos system.
SECRET: Final = "whsec_" + base64.b64encode(b"chaos-" * 5).decode()


class Receiver:
    """Listens on 127.0.0.1 within `with`, and accepts every webhook whose signature is right."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        #: When each came first, in seconds of `time.monotonic`.
        self.times: dict[str, float] = {}
        #: What was wrong: no signature, or another body than the first with its id.
        self.wrong: list[str] = []
        self._bodies: dict[str, bytes] = {}
        self._http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/hook"

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

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: broken connections are expected here."""


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    timeout = 30

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the sender died while it sent
        self.receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""
