"""Starts the executor under measurement, on a free port with its default settings, and sends it programs."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.cpu_meter import CpuMeter, cpu_meter
from benchmarks.load import Client
from benchmarks.processes import service
from benchmarks.programs import Program
from precieux.host.ports import free_ports

_LAST_WORDS: Final = 4000
#: The last of sixteen C++ programs waits long on a busy machine.
_PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Engine:
    url: str
    meter: CpuMeter


@contextmanager
def engine() -> Iterator[Engine]:
    """Start an executor with its default settings. It does not check the languages, which would run beside programs.

    Its log goes to a file, whose end is shown if it fails.
    """
    (port,) = free_ports(1)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PRECIEUX_EXECUTOR_PORT": str(port),
    }
    with cpu_meter() as meter, tempfile.TemporaryFile() as log, ExitStack() as stack:
        try:
            with meter.counted():
                stack.enter_context(service("tests.tuned_executor", environment, ["check_languages=false"], stderr=log))
            yield Engine(f"http://127.0.0.1:{port}", meter)
        except Exception:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_WORDS))
            sys.stderr.write(log.read().decode(errors="replace"))
            raise


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the executor: `right` if the output is, and the program's own CPU seconds."""

    right: bool
    own_cpu_s: float


async def ask(client: Client, program: Program, number: int) -> Answer:
    """Run a program. Raise `RuntimeError` for any HTTP status but 200."""
    request = {"code": program.source(number), "language": program.language, "input": program.input}
    body = json.dumps(request).encode()
    answer = json.loads(await client.request("POST", "/", body, "application/json", _PATIENCE_SECONDS))
    return Answer(answer["output"] == program.expected(number), answer["time_s"])


async def versions(engine: Engine) -> dict[str, str]:
    """Return the engine's languages with their versions, such as `gcc (Debian 14.2.0-19) 14.2.0`."""
    client = await Client.connect(engine.url)
    try:
        answer = json.loads(await client.request("GET", "/list"))
    finally:
        client.close()
    return {language["language"]: language["info"].partition("\n")[0] for language in answer["supportedLanguages"]}
