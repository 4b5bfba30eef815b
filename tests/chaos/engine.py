"""An engine that speaks CodeX but runs nothing: its output is its input, which identifies the submission."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class EchoEngine:
    """While `failing`, it answers 500 or, every second time, 200 with a body that is not CodeX."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.failing = False
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"engine": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def answer(self, request: dict[str, Any]) -> tuple[int, bytes]:
        with self._lock:
            self.runs[request["input"]] += 1
            count = self.runs.total()
        if self.failing:
            return (500, b"out of order") if count % 2 else (200, b"<html>Welcome</html>")
        answer = {
            "timeStamp": 1,
            "status": 200,
            "output": request["input"] + "\n",
            "error": "",
            "language": request["language"],
            "info": "echo",
            "verdict": "ok",
        }
        return 200, json.dumps(answer).encode()

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
    engine: EchoEngine
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        status, body = self.engine.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""
