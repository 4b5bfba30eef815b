"""The network policies: only the runner and the API reach the executor, and the executor reaches no address."""

import itertools
from urllib.parse import urlsplit

from tests.unit.kubernetes.manifests import NAME, Object, of_kind, pod, selected, settings, the

#: Kubernetes sets this label on every namespace.
_NAMESPACE = "kubernetes.io/metadata.name"


def policies(namespace: str) -> list[Object]:
    return [one["spec"] for one in of_kind("NetworkPolicy") if one["metadata"]["namespace"] == namespace]


def test_both_namespaces_are_closed_but_for_what_is_listed() -> None:
    for namespace in ("precieux", "precieux-executor"):
        assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies(namespace)


def test_only_runner_and_api_reach_the_closed_executor() -> None:
    own = policies("precieux-executor")
    assert [rule for one in own for rule in one.get("egress", [])] == []
    of_autoscaler, rule = [rule for one in own for rule in one.get("ingress", [])]
    assert [port["port"] for port in rule["ports"]] == [8100]
    # KEDA's operator reads how many programs the executors have, and must have the token as well.
    [peer] = of_autoscaler["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {_NAMESPACE: "keda"}
    assert peer["podSelector"]["matchLabels"] == {NAME: "keda-operator"}
    [peer] = rule["from"]
    rule_to_engine = [{"port": 8100, "protocol": "TCP"}]
    assert peer["namespaceSelector"]["matchLabels"] == {_NAMESPACE: "precieux"}
    [names] = peer["podSelector"]["matchExpressions"]
    assert names == {"key": NAME, "operator": "In", "values": ["api-service", "job-runner"]}
    [out] = [one for one in policies("precieux") for rule in one.get("egress", []) if rule["ports"] == rule_to_engine]
    assert selected(out["podSelector"], "precieux") == {"api-service", "job-runner"}


def test_no_service_reaches_the_metadata_of_the_cloud() -> None:
    """It answers on port 80, which is open to public addresses only."""
    rules = [rule for one in policies("precieux") for rule in one.get("egress", [])]
    [web] = [rule for rule in rules if 80 in [port["port"] for port in rule["ports"]]]
    assert {"169.254.0.0/16", "10.0.0.0/8", "168.63.129.16/32"} <= set(web["to"][0]["ipBlock"]["except"])


def test_every_policy_and_budget_and_service_selects_pods() -> None:
    servers = {one["metadata"]["name"] for one in of_kind("Deployment")} - {"operator"}
    for policy in of_kind("NetworkPolicy"):
        assert selected(policy["spec"]["podSelector"], policy["metadata"]["namespace"]), policy["metadata"]["name"]
    budgets = [
        selected(one["spec"]["selector"], one["metadata"]["namespace"]) for one in of_kind("PodDisruptionBudget")
    ]
    assert sorted(itertools.chain.from_iterable(budgets)) == sorted(servers)
    for service in of_kind("Service"):
        name, labels = service["metadata"]["name"], {"matchLabels": service["spec"]["selector"]}
        assert selected(labels, service["metadata"]["namespace"]) == {name := name.replace("executors", "executor")}
        (port,) = service["spec"]["ports"]
        assert port["targetPort"] in [each["name"] for each in pod(name).container["ports"]]
    (monitor,) = of_kind("PodMonitor")
    assert selected(monitor["spec"]["selector"], "precieux") == servers - {"executor"}
    (rule,) = of_kind("PrometheusRule")
    assert monitor["metadata"]["labels"]["release"] == rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_the_runner_uses_the_address_of_the_executor_service() -> None:
    address = urlsplit(settings("precieux")["PRECIEUX_CODEX_URL"])
    service = the("Service", "executors")
    assert service["spec"]["clusterIP"] == "None"  # so that its name has the addresses of all pods
    assert address.hostname == f"executors.{service['metadata']['namespace']}"
    assert address.port == service["spec"]["ports"][0]["port"]
