"""A server that the test plays, and its answers."""

from typing import Any

import httpx

from precieux_client import Client

Answer = httpx.Response | Exception
SUBMISSION: dict[str, Any] = {
    "id": 7, "state": "finished", "verdict": "accepted", "language": "py", "entry": "main.py",
    "files": [{"path": "main.py", "size_bytes": 9}], "args": [], "compiler_args": [],
    "limits": {"cpu_s": 10, "wall_s": 30, "memory_bytes": 1, "output_bytes": 1, "processes": 1},
    "checker": {"kind": "lines", "tolerance": None}, "stop_at_first_failure": False, "email": None, "locale": "en",
    "metadata": {"course": "cs1"}, "batch": None, "created_at": "2026-01-01T12:00:00Z", "queue": None, "run": None,
    "runs": 1, "mail": None, "webhook": None,
    "links": {"self": "s", "events": "e", "output": "o", "source": "s", "page": None}, "a_key_of_the_future": 1,
}  # fmt: skip
_TEXTS = dict.fromkeys(("stdout", "stderr", "compile_output", "exit_code", "signal", "engine", "tests"))
_TIMES = dict.fromkeys(("requested_at", "queued_at", "started_at", "finished_at", "cpu_s", "wall_s", "memory_bytes"))
RUN: dict[str, Any] = {
    "number": 1, "state": "finished", "verdict": "ok", "attempt": 1, "truncated": [], **_TEXTS, **_TIMES,
    "points": None, "points_awarded": None,
}  # fmt: skip


class Server:
    """Gives the answers in their order, the last one again and again, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: Any) -> Client:
        return Client("http://server.example", "pcx_key", transport=httpx.MockTransport(self), **options)


def ok(content: object = SUBMISSION, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=content)
