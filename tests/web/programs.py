"""Programs for the tests of pages, and what the API answers about them."""

from typing import Any, Final
from urllib.parse import urlsplit

import requests

from tests.fixtures.up import Up

#: A submission as it is sent.
Body = dict[str, Any]

GREETING: Final[Body] = {
    "language": "py", "source": 'print("Hello", input())\n', "stdin": "Ada", "email": "ada@example.com",
}  # fmt: skip
#: Its second line is wrong.
BROKEN: Final[Body] = {
    "language": "c", "source": "int main(void) {\n    return x;\n}\n", "email": "ada@example.com",
}  # fmt: skip
CRASHING: Final[Body] = {"language": "py", "source": "def halve(n):\n    return 1 / n\n\nprint(halve(0))\n"}
SLEEPING: Final[Body] = {"language": "py", "source": "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"}
#: Passes two tests of four; the last one is hidden.
SQUARES: Final[Body] = {
    "language": "py",
    "source": "n = int(input())\nprint(n * n if n < 5 else n)\n",
    "tests": [{"stdin": f"{n}", "expected_output": f"{n * n}", "hidden": n == 77} for n in (2, 3, 6, 77)],
    "email": "ada@example.com",
}


def post(system: Up, body: dict[str, Any], *, wait_s: int = 30) -> dict[str, Any]:
    """Send a program, and return its submission after it has ended, or after so many seconds."""
    answer = requests.post(f"{system.url}/v1/submissions", params={"wait": wait_s}, json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    submission: dict[str, Any] = answer.json()
    return submission


def get(system: Up, submission: int) -> dict[str, Any]:
    answer = requests.get(f"{system.url}/v1/submissions/{submission}", timeout=10)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def link_of(submission: dict[str, object]) -> str:
    links = submission["links"]
    assert isinstance(links, dict)
    parts = urlsplit(links["page"])
    return f"{parts.path}?{parts.query}"
