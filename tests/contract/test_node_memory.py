"""A Node that waits for its program knows how large its heap may be: by the wall's file, or else by a flag."""

import contextlib
from dataclasses import replace
from typing import Final

import pytest

from executor.catalogue import ENVIRONMENT, find_installed
from executor.mechanisms import find_mechanisms
from executor.pipeline import plan
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.warm import Warm
from shared.codex import RunRequest
from tests.waiting import eventually

pytestmark = pytest.mark.contract

_SETTINGS: Final = ExecutorSettings(precompile_headers=False, executor_warm_boxes=1)
_FLAG: Final = "--max-old-space-size=512"
_HEAP: Final = "console.log(Math.round(require('v8').getHeapStatistics().heap_size_limit / 2 ** 20))"
_READY_S: Final = 60


@pytest.mark.parametrize("by_file", [True, False], ids=["by file", "by flag"])
async def test_its_heap_is_bounded(by_file: bool) -> None:
    mechanisms = find_mechanisms(_SETTINGS)
    sandbox = BubblewrapSandbox(mechanisms if by_file else replace(mechanisms, told_memory=None), ENVIRONMENT)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(sandbox.aclose)
        installed = await find_installed(sandbox, 2)
        if "js" not in installed:
            pytest.skip("Node is not on this machine")
        warm = await stack.enter_async_context(contextlib.aclosing(Warm(sandbox, _SETTINGS, [installed["js"]], None)))
        request = RunRequest(code=_HEAP, language="js")
        cold = plan(request, installed["js"], _SETTINGS)
        await eventually(lambda: warm.run_in_stub(cold, request, installed["js"]) != cold, _READY_S)
        job = warm.run_in_stub(cold, request, installed["js"])
        assert job.template.stub
        assert (_FLAG in job.template.stub.argv) is not by_file
        (ended,) = await sandbox.run(job)
    assert ended.stderr == b""
    assert 512 <= int(ended.stdout) < 600
