"""The figures of docs/scaling.md follow from what was measured, and from the manifests."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.kubernetes.manifests import settings, the

_ROOT: Final = Path(__file__).parents[2]
_PAGE: Final = (_ROOT / "docs/scaling.md").read_text()
#: Submissions a second in the busiest hour of a million a day, for processors that are busy for 60 %.
_PEAK: Final = 4 * 1_000_000 / 86_400
_BUSY: Final = 0.6
_ROW: Final = re.compile(r"^\| \**([\w ]+)[^|]*\| \**([\d.]+)\** \| \**([\d.]+)\** \|$", re.MULTILINE)


def findings(results: str) -> dict[str, dict[str, Any]]:
    content = json.loads((_ROOT / f"benchmarks/results/{results}.json").read_text())
    return {finding["measure"]: finding for finding in content["findings"]}


def test_the_costs_are_the_measured_ones() -> None:
    measured = findings("pipeline")["API to mail outbox, null engine"]["details"]["cpu_ms"]
    executor = findings("executor-debian13")["CPU, py: hello-world"]["ours"]
    parts = ("api_service", "queue_consumer", "job_runner", "postgres", "rabbitmq")
    costs = {part: f"{measured[part]:.1f}" for part in parts} | {"executor": executor.partition(" ")[0]}
    costs["together"] = f"{sum(map(float, costs.values())):.1f}"
    assert {name.lower().strip(): cost for name, cost, _ in _ROW.findall(_PAGE)} == costs


@pytest.mark.parametrize(("cost", "cores"), [row[1:] for row in _ROW.findall(_PAGE)])
def test_the_cores_follow_from_the_costs(cost: str, cores: str) -> None:
    assert float(cores) == pytest.approx(_PEAK * float(cost) / 1000 / _BUSY, abs=0.0101)


def test_the_page_names_the_most_connections() -> None:
    pool = int(settings("precieux")["PRECIEUX_DATABASE_POOL_SIZE"])
    api = the("HorizontalPodAutoscaler", "api-service")["spec"]["maxReplicas"]
    consumer, runner = (
        the("ScaledObject", name)["spec"]["maxReplicaCount"] for name in ("queue-consumer", "job-runner")
    )
    # One of the runner listens, and one of the API while clients wait.
    assert f"({api}, {consumer} and {runner} pods) take {(api + runner) * (pool + 1) + consumer * pool}:" in _PAGE


def test_the_waits_at_several_executors_are_the_measured_ones() -> None:
    two, eight = json.loads((_ROOT / "benchmarks/results/placement.json").read_text())
    page = " ".join(_PAGE.split())
    assert f"two executors busy for {two['of_linear']:.2f} of the time, and eight for {eight['of_linear']:.2f}" in page
    chosen, drawn = (f"{eight[how]['p99_s']:.1f} s" for how in ("less_busy_of_two", "random"))
    assert f"wait was {chosen} at eight executors, and {drawn} if each run went to any" in page
