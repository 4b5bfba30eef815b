"""Sandboxes with the mechanisms of this host, which have no boxes ready, and a small executor."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from executor.host import find_mechanisms
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from tests.fixtures.executor import EVERY_MODE, RunningExecutor, running_executor


@pytest.fixture
async def sandbox() -> AsyncIterator[BubblewrapSandbox]:
    """A sandbox for one test."""
    sandbox = BubblewrapSandbox(find_mechanisms(ExecutorSettings()))
    try:
        yield sandbox
    finally:
        await sandbox.aclose()


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["as it comes", "without cgroups"],
)
async def lasting_sandbox(request: pytest.FixtureRequest) -> AsyncIterator[BubblewrapSandbox]:
    """A sandbox for all tests of a module, which run in the module's event loop."""
    sandbox = BubblewrapSandbox(find_mechanisms(ExecutorSettings().tuned(use_cgroups=request.param)))
    try:
        yield sandbox
    finally:
        await sandbox.aclose()


@pytest.fixture(scope="module", params=EVERY_MODE)
def engine(request: pytest.FixtureRequest) -> Iterator[RunningExecutor]:
    """An executor with one slot and no queue, for all tests of a module, in each way that it may run."""
    with running_executor(request.param, executor_slots="1", express_slots="0", queue="0") as running:
        yield running
