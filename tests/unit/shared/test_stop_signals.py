"""A process that was asked to stop ends by itself, even after more signals."""

import signal
import subprocess
import sys

import pytest

_PROCESS = """
import asyncio, selectors, sys, uvloop
from shared.common.service.stop_signals import at_first_stop_signal

async def serve():
    stop = asyncio.Event()
    at_first_stop_signal(stop.set)
    print("ready", flush=True)
    await stop.wait()

loops = {"uvloop": uvloop.new_event_loop, "poll": lambda: asyncio.SelectorEventLoop(selectors.PollSelector())}
with asyncio.Runner(loop_factory=loops[sys.argv[1]]) as runner:
    runner.run(serve())
"""


@pytest.mark.parametrize(("number", "loop"), [(signal.SIGTERM, "uvloop"), (signal.SIGINT, "poll")])
def test_signals_after_the_first_do_not_kill(number: signal.Signals, loop: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", _PROCESS, loop], stdout=subprocess.PIPE)
    with process:
        assert process.stdout
        assert process.stdout.readline()
        while process.poll() is None:
            process.send_signal(number)
    assert process.returncode == 0
