"""Sandboxes with the mechanisms of this host. They have no boxes ready."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from executor.host import find_mechanisms
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings


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
