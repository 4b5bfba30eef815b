"""The manifests are valid to each field, and the parts that name each other agree."""

import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from executor.runs import Runs
from executor.signs_of_life import metrics_text
from executor.slots import Slots
from shared.adapters.broker.base import QUEUE
from tests.unit.kubernetes.manifests import FOLDER, of_kind, rendered, settings, the

#: Of KEDA and the Prometheus operator, whose schemas are not here.
_EXTENSIONS: Final = ("keda.sh/v1alpha1", "monitoring.coreos.com/v1")


# The oldest version with an unmasked /proc (`hostUsers: false` with `procMount`), and the newest known one.
@pytest.mark.parametrize("version", [pytest.param("1.33", marks=pytest.mark.slow), "newest"])
def test_every_manifest_is_valid(version: str) -> None:
    import kubernetes_validate  # type: ignore[import-untyped]  # it takes seconds, of each worker

    release = kubernetes_validate.latest_version() if version == "newest" else version
    own = [one for one in rendered() if one["apiVersion"] not in _EXTENSIONS]
    assert len(own) > 20
    for one in own:
        kubernetes_validate.validate(one, release, strict=True)


def test_the_patches_of_the_example_can_be_uncommented(tmp_path: Path) -> None:
    """The patches for a cloud change what their comments say."""
    folder = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, folder)
    overlay = folder / "example/kustomization.yaml"
    plain, _, patches = overlay.read_text().partition("#patches:\n")
    assert patches
    overlay.write_text(plain + "patches:\n" + re.sub(r"^#", "", patches, flags=re.MULTILINE))
    objects: dict[tuple[str, str], Any] = {
        (one["kind"], one["metadata"]["name"]): one for one in rendered(folder / "example")
    }
    store = objects["NetworkPolicy", "store"]["spec"]["egress"]
    assert [one["ports"][0]["port"] for one in store] == [443, 80, 9000]
    assert store[1]["to"] == [{"ipBlock": {"cidr": "169.254.170.23/32"}}]
    [source] = objects["NetworkPolicy", "metrics"]["spec"]["ingress"][0]["from"]
    assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "prometheus"}
    assert "eks.amazonaws.com/role-arn" in objects["ServiceAccount", "job-runner"]["metadata"]["annotations"]


def test_autoscalers_scale_existing_deployments() -> None:
    scalers = of_kind("HorizontalPodAutoscaler", "ScaledObject")
    targets = [one["spec"]["scaleTargetRef"]["name"] for one in scalers]
    # People start the operator's pod.
    assert sorted(targets) == sorted({one["metadata"]["name"] for one in of_kind("Deployment")} - {"operator"})
    for one, target in zip(scalers, targets, strict=True):
        # Otherwise each `apply` would undo the autoscaler's decision.
        assert "replicas" not in the("Deployment", target)["spec"]
        assert the("Deployment", target)["metadata"]["namespace"] == one["metadata"]["namespace"]


async def test_autoscalers_watch_the_queue_and_the_jobs() -> None:
    (consumer,), (runner,) = (
        the("ScaledObject", name)["spec"]["triggers"] for name in ("queue-consumer", "job-runner")
    )
    assert consumer["metadata"]["queueName"] == QUEUE
    (executor,) = the("ScaledObject", "executor")["spec"]["triggers"]
    slots = Slots(4, queue=64, express=0)
    for _ in range(11):
        slots.request().ask()
    gauges = {one.name: one.samples[0].value for one in text_string_to_metric_families(metrics_text(slots, Runs()))}
    assert gauges[executor["metadata"]["valueLocation"]] == 4 + 7
    assert int(executor["metadata"]["targetValue"]) < int(settings("precieux-executor")["PRECIEUX_EXECUTOR_SLOTS"])
    assert runner["metadata"]["targetQueryValue"] == settings("precieux")["PRECIEUX_RUNNER_CONCURRENCY"]
