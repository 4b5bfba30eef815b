"""Programs and mails as a small school sends them, for the charts of the operator's pictures."""

import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

from tests.fixtures.smtp_server import SmtpServer
from tests.fixtures.smtp_thread import smtp_server_in_a_thread
from tests.fixtures.up import Up
from tests.web.programs import BROKEN, CRASHING, GREETING, SQUARES

KEY: Final = "the-key-of-an-operator-for-pictures-only"
#: Seconds from one wave of submissions to the next, as before the end of each lesson.
_WAVE_S: Final = 900
#: When the mail server accepts nothing for the moment, in seconds from the beginning.
_MAILS_WAIT: Final = range(2400, 2520)
_SAMPLES: Final = Path(__file__).parents[2] / "samples"


def _sample(file: str, language: str, stdin: str) -> dict[str, Any]:
    return {"language": language, "source": (_SAMPLES / file).read_text(), "stdin": stdin}


#: Programs, and how many of seventy are this one.
_PROGRAMS: Final[tuple[tuple[dict[str, Any], int], ...]] = (
    (GREETING, 20),
    (SQUARES, 8),
    (BROKEN, 6),
    (CRASHING, 5),
    (_sample("primes.c", "c", "30\n"), 8),
    (_sample("anagrams.js", "js", "listen silent\n"), 8),
    (_sample("poem.py", "py", "دنیا\n") | {"locale": "fa"}, 5),
    ({"language": "py", "source": "import time\n\ntime.sleep(4)\nprint('rested')\n"}, 8),
    ({"language": "py", "source": "while True:\n    pass\n", "limits": {"cpu_s": 1}}, 2),
)


@contextmanager
def busy_system(folder: Path) -> Iterator[Up]:
    """Yield a system on a data folder that gets programs all the time, and whose mail server refuses some mails."""
    folder.mkdir(mode=0o711, exist_ok=True)
    stop = threading.Event()
    with smtp_server_in_a_thread() as mail:
        system = Up(folder, {"PRECIEUX_SMTP_URL": f"smtp://127.0.0.1:{mail.port}", "PRECIEUX_API_KEYS": KEY})
        system.start()
        load = threading.Thread(target=_keep_busy, args=(system, mail, stop))
        load.start()
        try:
            yield system
        finally:
            stop.set()
            load.join()
            system.stop()


def _keep_busy(system: Up, mail: SmtpServer, stop: threading.Event) -> None:
    began = time.monotonic()
    while not stop.is_set():
        second = time.monotonic() - began
        # Few mailboxes do not exist.
        mail.replies = {"RCPT": "550 5.1.1 No such mailbox"} if random.random() < 0.02 else {}
        if int(second) in _MAILS_WAIT:
            mail.replies = {"RCPT": "451 4.7.1 Greylisted, try again later"}
        wave = math.sin(math.pi * second / _WAVE_S) ** 6
        _send(system, 25 if random.random() < 0.01 * wave else 1)
        stop.wait(random.expovariate(0.25 + 1.25 * wave))


def _send(system: Up, count: int) -> None:
    bodies, weights = zip(*_PROGRAMS, strict=True)
    for body in random.choices(bodies, weights, k=count):
        answer = requests.post(
            f"{system.url}/v1/submissions",
            json={**body, "email": f"student{random.randint(1, 60)}@example.edu"},
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=30,
        )
        answer.raise_for_status()
