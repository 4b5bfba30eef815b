"""What the pipeline makes of how a box ended; the box itself is played."""

import pytest

from executor import pressure
from executor.catalogue import Installed
from executor.languages.py import LANGUAGE
from executor.pipeline import Pipeline
from executor.pressure import Reading
from executor.sandbox.base import Ended, Job
from executor.settings import ExecutorSettings
from shared.codex import RunRequest, Verdict


class ScriptedSandbox:
    """Every box ends in the same way."""

    def __init__(self, stopped: str | None) -> None:
        self._stopped = stopped

    async def run(self, job: Job) -> list[Ended]:
        code = None if self._stopped else 0
        return [Ended(code, None, 10.0, 29.0, 1, self._stopped, stdout=b"", stderr=b"", truncated=False)]


@pytest.fixture
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Reading(0, 0.0), Reading(27_000_000, 30.0)])
    monkeypatch.setattr(pressure, "read", lambda: next(readings))


@pytest.mark.usefixtures("busy_machine")
@pytest.mark.parametrize(("stopped", "told"), [("wall", 0.9), ("cpu", None), ("memory", None), (None, None)])
async def test_only_a_wall_limit_brings_evidence_of_load(stopped: str | None, told: float | None) -> None:
    """Whoever used its CPU time did so on any machine: evidence would have it run again for nothing."""
    installed = Installed(LANGUAGE, tools={"python": "/usr/bin/python3"}, info="")
    pipeline = Pipeline(ScriptedSandbox(stopped), ExecutorSettings())
    outcome = await pipeline.run(RunRequest(code="x", language="py"), installed)
    assert outcome.cpu_pressure == told
    if stopped in ("wall", "cpu"):
        assert outcome.verdict is Verdict.TIME_LIMIT
