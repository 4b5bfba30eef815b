"""Large bodies: the work on them must not hold up other requests."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api_service.v1 import aside, validation

pytestmark = pytest.mark.integration

_PROGRAM = {"language": "py", "source": "#" * aside.LARGE}


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> set[threading.Thread]:
    """Return a set that gets the threads in which bodies are parsed and validated."""
    seen: set[threading.Thread] = set()

    def watched(work: Callable[..., Any]) -> Callable[..., Any]:
        def watch(*args: Any, **kwargs: Any) -> Any:
            seen.add(threading.current_thread())
            return work(*args, **kwargs)

        return watch

    # Both go through the whole content.
    for name in ("_is_deeper", "text_faults"):
        monkeypatch.setattr(validation, name, watched(getattr(validation, name)))
    return seen


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/submissions", _PROGRAM),
        ("/v1/batches", {"submissions": [_PROGRAM]}),
        ("/v1/trial/7", {"count": 1, "text": "x" * aside.LARGE}),
    ],
)
async def test_a_large_body_is_read_in_a_thread(
    trials: httpx.AsyncClient, threads: set[threading.Thread], path: str, body: object
) -> None:
    answer = await trials.post(path, json=body)
    # The program is too long for this server, but all of it is looked at.
    assert answer.status_code in (201, 422), answer.text
    assert threads
    assert threading.main_thread() not in threads
