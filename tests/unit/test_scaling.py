"""The tables of docs/scaling.md are those of the model, and the autoscalers reach the numbers of its plans."""

import pytest

from benchmarks.simulation import tables
from benchmarks.simulation.costs import Costs
from benchmarks.simulation.installation import EXECUTOR_SLOTS, RUNNER_SLOTS, Size
from benchmarks.simulation.plan import POOL, connections, plan
from tests.unit.kubernetes.manifests import pod, settings, the

COMMAND = "run `python -m benchmarks.simulation --write-docs`"


def stale(computed: dict[str, str]) -> list[str]:
    """Return the names of the tables that differ from those of the page."""
    page = tables.PAGE.read_text()
    return [name for name, table in computed.items() if tables.written(page, {name: table}) != page]


def test_the_tables_follow_from_the_measured_costs() -> None:
    assert stale(tables.arithmetical(Costs.measured())) == [], COMMAND


@pytest.mark.slow
def test_the_tables_are_what_the_model_gives() -> None:
    assert stale(tables.simulated(Costs.measured())) == [], COMMAND


def test_the_manifests_have_the_slots_and_the_pool_of_the_model() -> None:
    assert int(settings("precieux")["PRECIEUX_RUNNER_CONCURRENCY"]) == RUNNER_SLOTS
    assert int(settings("precieux")["PRECIEUX_DATABASE_POOL_SIZE"]) == POOL
    assert int(settings("precieux-executor")["PRECIEUX_EXECUTOR_SLOTS"]) == EXECUTOR_SLOTS
    # A program has a processor.
    assert int(pod("executor").container["resources"]["requests"]["cpu"]) == EXECUTOR_SLOTS


def test_the_autoscalers_begin_with_two_of_each() -> None:
    for scaler, least in SCALERS.values():
        assert the(*scaler)["spec"][least.replace("max", "min")] == 2


def test_the_autoscalers_reach_the_plan_of_a_cell() -> None:
    size = plan(tables.VOLUMES[-1], Costs.measured()).size
    reached = {part: the(*scaler)["spec"][most] for part, (scaler, most) in SCALERS.items()}
    assert {part: most for part, most in reached.items() if most < getattr(size, part)} == {}


def test_the_page_names_the_most_connections() -> None:
    reached = {part: the(*scaler)["spec"][most] for part, (scaler, most) in SCALERS.items()}
    assert f"take {connections(Size(**reached, postgres=1))}:" in tables.PAGE.read_text()


#: Part of the model -> its autoscaler, and the field with its largest number.
SCALERS = {
    "api": (("HorizontalPodAutoscaler", "api-service"), "maxReplicas"),
    "consumer": (("ScaledObject", "queue-consumer"), "maxReplicaCount"),
    "runner": (("ScaledObject", "job-runner"), "maxReplicaCount"),
    "executor": (("HorizontalPodAutoscaler", "executor"), "maxReplicas"),
}
