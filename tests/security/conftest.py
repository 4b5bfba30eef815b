"""A sandbox for one test, with the mechanisms of this host; it has no boxes ready."""

from collections.abc import AsyncIterator

import pytest

from executor.host import find_mechanisms
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings


@pytest.fixture
async def sandbox() -> AsyncIterator[BubblewrapSandbox]:
    sandbox = BubblewrapSandbox(find_mechanisms(ExecutorSettings()))
    try:
        yield sandbox
    finally:
        await sandbox.aclose()
