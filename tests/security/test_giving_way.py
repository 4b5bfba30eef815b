"""Programs that compute for long hold nobody up, and get the verdicts that they would get alone."""

import asyncio
import json
from typing import Any, Final

import httpx
import pytest

from shared.engine_api.codex import SHARE_HEADER
from tests.fixtures.executor import MODES, running_executor

pytestmark = pytest.mark.security

_LOOP: Final = "while True: pass"
_SLEEPS: Final = "import time\nwhile time.process_time() < 0.7: pass\ntime.sleep(0.5)\nprint('done')"
_FORKS: Final = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; for i in $(seq 300); do /bin/true; done; echo done"


async def _run(client: httpx.AsyncClient, code: str, language: str = "py", **fields: Any) -> dict[str, Any]:
    """Return how the only test of a program ended."""
    program = {"language": language, "files": [{"path": f"main.{language}", "content": code}], **fields}
    answer = await client.post("/run", json=program, headers={SHARE_HEADER: "one"})
    ended: dict[str, Any] = next(
        event for line in answer.text.splitlines() if (event := json.loads(line)).get("number")
    )
    return ended


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "cold"])
async def test_loops_hold_nobody_up(mode: str) -> None:
    """Four loops of a share, for which there are a slot and two places: two of them are begun again."""
    with running_executor(mode, executor_slots="1", express_slots="0") as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=600) as client:
            loops = [asyncio.create_task(_run(client, _LOOP, limits={"cpu_s": 3})) for _ in range(4)]
            await asyncio.sleep(0)
            short = await _run(client, "print('hello')")
            assert (short["verdict"], short["stdout"]) == ("ok", "hello\n")
            assert not any(loop.done() for loop in loops)
            ends = await asyncio.gather(*loops)
    assert {end["verdict"] for end in ends} == {"time_limit"}
    assert all(3 <= end["cpu_s"] < 4.5 for end in ends)


async def test_what_waits_in_the_background_reaches_no_limit_of_elapsed_time() -> None:
    """Its own threads wait, or its many children, which have ended when their wait would be read."""
    with running_executor(executor_slots="1", express_slots="0") as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=600) as client:
            limits = {"cpu_s": 10, "wall_s": 4}
            starved = [
                asyncio.create_task(_run(client, _SLEEPS, limits=limits)),
                asyncio.create_task(_run(client, _FORKS, "bash", limits=limits)),
            ]
            busy = "import time\nwhile time.process_time() < 0.4: pass"
            others = [asyncio.create_task(_run(client, busy)) for _ in range(20)]
            ends = await asyncio.gather(*starved)
            assert [(end["verdict"], end["stdout"]) for end in ends] == [("ok", "done\n")] * 2, ends
            await asyncio.gather(*others)
