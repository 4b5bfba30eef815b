"""An engine that speaks CodeX and `POST /run` but runs nothing: its output is its input, which names the submission."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from tests.fixtures.http_thread import Handler, Server

#: A source with this word takes so many seconds a test.
SLOW: Final = "slow"
_SLOW_SECONDS: Final = 0.2
#: Its process lives on, whatever happens to its connections.
_INSTANCE: Final = "echo"
_LANGUAGE: Final = {
    "language": "py",
    "info": "echo",
    "extensions": [".py"],
    "compiled": False,
    "compiler_args": [],
    "sample": "print(1)",
    "limits": {
        name: {"default": 1, "max": 1 << 30}
        for name in ("cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes")
    },
    "variants": [],
}


class EchoEngine(Server):
    """While `failing`, it answers 500 or, every second time, 200 with a body that is in no protocol."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.runs: Counter[str] = Counter()
        self.failing = False
        self._lock = threading.Lock()

    def failure(self, text: str) -> tuple[int, bytes] | None:
        """Count a run, and return the answer of an engine out of order; None if it is in order."""
        with self._lock:
            self.runs[text] += 1
            count = self.runs.total()
        if not self.failing:
            return None
        return (500, b"out of order") if count % 2 else (200, b"<html>Welcome</html>")

    def answer(self, request: dict[str, Any]) -> tuple[int, bytes]:
        answer = {
            "timeStamp": 1,
            "status": 200,
            "output": request["input"],
            "error": "",
            "language": request["language"],
            "info": "echo",
            "verdict": "ok",
        }
        return self.failure(request["input"]) or (200, json.dumps(answer).encode())

    def events(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        is_slow = SLOW in request["files"][0]["content"]
        yield {
            "event": "started",
            "language": "py",
            "info": "echo",
            "compile": None,
            "run": "echo",
            "instance": _INSTANCE,
        }
        for number, test in enumerate(request["tests"], 1):
            time.sleep(_SLOW_SECONDS if is_slow else 0)
            expected = test["expected_output"]
            yield {
                "event": "test",
                "number": number,
                "verdict": "ok" if expected is None else "accepted" if expected == test["stdin"] else "wrong_answer",
                "error": "",
                "stdout": test["stdin"],
                "stderr": "",
                "diff": None,
                "truncated": [],
                "exit_code": 0,
                "signal": None,
                "cpu_s": 0.1,
                "wall_s": 0.1,
                "memory_bytes": 1,
                "cpu_pressure": None,
            }
        yield {"event": "finished"}


class _Handler(Handler):
    server: EchoEngine

    def get(self) -> None:
        listing = {"timeStamp": 1, "status": 200, "supportedLanguages": [_LANGUAGE], "calls": ["run"]}
        listing["instance"] = _INSTANCE
        self.answer(200, json.dumps(listing).encode())

    def post(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/run":
            self.answer(*self.server.answer(request))
        elif failure := self.server.failure(request["tests"][0]["stdin"]):
            self.answer(*failure)
        else:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for event in self.server.events(request):
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")
