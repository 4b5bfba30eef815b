"""The autoscalers name existing Deployments, queues and tables."""

from shared.broker.base import QUEUE
from tests.unit.kubernetes.manifests import of_kind, settings, the


def test_autoscalers_scale_existing_deployments() -> None:
    scalers = of_kind("HorizontalPodAutoscaler", "ScaledObject")
    targets = [one["spec"]["scaleTargetRef"]["name"] for one in scalers]
    # People start the operator's pod.
    assert sorted(targets) == sorted({one["metadata"]["name"] for one in of_kind("Deployment")} - {"operator"})
    for one, target in zip(scalers, targets, strict=True):
        # Otherwise each `apply` would undo the autoscaler's decision.
        assert "replicas" not in the("Deployment", target)["spec"]
        assert the("Deployment", target)["metadata"]["namespace"] == one["metadata"]["namespace"]


def test_autoscalers_watch_the_queue_and_the_jobs() -> None:
    (consumer,), (runner,) = (
        the("ScaledObject", name)["spec"]["triggers"] for name in ("queue-consumer", "job-runner")
    )
    assert consumer["metadata"]["queueName"] == QUEUE
    assert runner["metadata"]["targetQueryValue"] == settings("precieux")["PRECIEUX_RUNNER_CONCURRENCY"]
