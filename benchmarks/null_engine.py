"""An engine that runs nothing and answers at once: `python -m benchmarks.null_engine PORT`."""

import asyncio
import json
import sys
from typing import Any, Final

_ENDED: Final[dict[str, Any]] = {
    "exit_code": 0,
    "signal": None,
    "wall_s": 0.0,
    "memory_bytes": 0,
    "cpu_pressure": None,
    "truncated": [],
}
_RESULT: Final = {"timeStamp": 1672439982964, "status": 200, "output": "42\n", "error": "", "language": "py"}
_STARTED: Final = {"event": "started", "language": "py", "info": "none\n", "compile": None, "run": "true"}
_TEST: Final = {
    "event": "test",
    "verdict": "ok",
    "error": "",
    "stdout": "42\n",
    "stderr": "",
    "diff": None,
    "cpu_s": 0.0,
}
_LANGUAGE: Final = {
    "language": "py",
    "info": "none\n",
    "name": "Python",
    "version": "3",
    "aliases": ["python"],
    "extensions": [".py"],
    "compiled": False,
    "compiler_args": [],
    "sample": "print(42)\n",
    "limits": {
        name: {"default": 1 << 28, "max": 1 << 30}
        for name in ("cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes")
    },
    "variants": [],
}
_LIST: Final = {"timeStamp": 1672439982964, "status": 200, "supportedLanguages": [_LANGUAGE], "calls": ["run"]}


def _answer(body: str, media_type: str = "application/json") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


_ANSWERS: Final = {
    b"POST / ": _answer(json.dumps({**_RESULT, "info": "none\n"})),
    b"GET /list ": _answer(json.dumps(_LIST)),
}


def _run(program: dict[str, Any]) -> bytes:
    """Return the answer to `POST /run`: every test ends well."""
    tests = [{**_TEST, **_ENDED, "number": number} for number, _ in enumerate(program["tests"], 1)]
    events = [_STARTED, *tests, {"event": "finished"}]
    return _answer("".join(f"{json.dumps(event)}\n" for event in events), "application/x-ndjson")


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            _, found, rest = head.lower().partition(b"content-length:")
            if found:
                body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
            if head.startswith(b"POST /run "):
                writer.write(_run(json.loads(body)))
            else:
                writer.write(next(answer for call, answer in _ANSWERS.items() if head.startswith(call)))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
