"""The network policies: only the runner reaches the executor, and the executor reaches no address."""

import itertools
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.unit.kubernetes.manifests import NAME, Object, of_kind, pod, pods, selected, selects, settings, the

#: Kubernetes sets this label on every namespace.
_NAMESPACE: Final = "kubernetes.io/metadata.name"


class Peer(NamedTuple):
    name: str
    namespace: str
    labels: dict[str, str]


OURS: Final = [Peer(one.name, one.namespace, one.labels) for one in pods()]
STRANGER: Final = Peer("stranger", "elsewhere", {})
INGRESS_CONTROLLER: Final = Peer("controller", "ingress", {NAME: "controller"})
PROMETHEUS: Final = Peer("prometheus", "monitoring", {})
PORTS: Final = (53, 80, 443, 465, 587, 5432, 5671, 5672, 8000, 8100, 9100)


def policies(peer: Peer, direction: str) -> list[Object]:
    """Return the policies that isolate this pod in this direction."""
    return [
        policy
        for policy in of_kind("NetworkPolicy")
        if policy["metadata"]["namespace"] == peer.namespace
        and direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], peer.labels)
    ]


def allows(rule: Object, side: str, other: Peer, port: int) -> bool:
    if port not in [each["port"] for each in rule["ports"]]:
        return False
    return side not in rule or any(matches(each, other) for each in rule[side])


def matches(selector: dict[str, Any], other: Peer) -> bool:
    if "ipBlock" in selector:
        return False  # a pod has a private address
    assert set(selector) <= {"namespaceSelector", "podSelector"}
    return selects(selector["namespaceSelector"], {_NAMESPACE: other.namespace}) and selects(
        selector.get("podSelector", {}), other.labels
    )


def leaves(source: Peer, target: Peer, port: int) -> bool:
    """Decide like a network plugin: an isolated pod may use only the connections that one of its policies lists."""
    isolating = policies(source, "Egress")
    rules = [rule for one in isolating for rule in one["spec"].get("egress", [])]
    return not isolating or any(allows(rule, "to", target, port) for rule in rules)


def enters(source: Peer, target: Peer, port: int) -> bool:
    isolating = policies(target, "Ingress")
    rules = [rule for one in isolating for rule in one["spec"].get("ingress", [])]
    return not isolating or any(allows(rule, "from", source, port) for rule in rules)


def allows_address(rule: Object, address: IPv4Address | IPv6Address, port: int) -> bool:
    if port not in [each["port"] for each in rule["ports"]]:
        return False
    blocks = [each["ipBlock"] for each in rule.get("to", []) if "ipBlock" in each]
    return "to" not in rule or any(
        address in ip_network(block["cidr"])
        and not any(address in ip_network(network) for network in block.get("except", []))
        for block in blocks
    )


def reaches(source: Peer, target: Peer, port: int) -> bool:
    return leaves(source, target, port) and enters(source, target, port)


def test_only_the_runner_reaches_the_executor() -> None:
    executor = next(one for one in OURS if one.name == "executor")
    others = [*OURS, STRANGER, INGRESS_CONTROLLER, PROMETHEUS]
    reached = {(other.name, port) for other in others for port in PORTS if enters(other, executor, port)}
    # The policies of the other pods do not matter.
    assert reached == {("job-runner", 8100)}
    assert reaches(next(one for one in OURS if one.name == "job-runner"), executor, 8100)


def test_the_executor_reaches_no_address() -> None:
    executor = next(one for one in OURS if one.name == "executor")
    others = [*OURS, STRANGER, INGRESS_CONTROLLER, PROMETHEUS]
    assert not [(other.name, port) for other in others for port in PORTS if leaves(executor, other, port)]


def test_only_listed_peers_reach_the_services() -> None:
    reached = {
        (other.name, one.name, port)
        for one in OURS
        if one.name != "executor"
        for other in (*OURS, STRANGER, INGRESS_CONTROLLER, PROMETHEUS)
        for port in PORTS
        if reaches(other, one, port)
    }
    api = {(other, "api-service", 8000) for other in ("stranger", "controller", "prometheus")}
    watched = {("prometheus", one, 9100) for one in ("api-service", "queue-consumer", "job-runner")}
    assert reached == api | watched


def test_the_services_reach_only_listed_ports() -> None:
    reached = {
        one.name: {port for port in PORTS if reaches(one, STRANGER, port)} for one in OURS if one.name != "executor"
    }
    assert reached == {
        "migrate": {53, 5432},
        "operator": {53, 5432, 5671, 5672},
        "api-service": {53, 5432, 5671, 5672, 443},
        "queue-consumer": {53, 5432, 5671, 5672, 443},
        "job-runner": {53, 5432, 443, 465, 587},
    }


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07::1", True),
        ("169.254.169.254", False),
        ("fd00:ec2::254", False),
        ("168.63.129.16", False),
        ("100.100.100.200", False),
        ("192.0.0.192", False),
        ("10.0.0.1", False),
    ],
)
def test_the_runner_reaches_only_public_web_servers(address: str, reached: bool) -> None:
    runner = next(one for one in OURS if one.name == "job-runner")
    rules = [rule for one in policies(runner, "Egress") for rule in one["spec"].get("egress", [])]
    assert any(allows_address(rule, ip_address(address), 80) for rule in rules) is reached


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
        assert selected(labels, service["metadata"]["namespace"]) == {name}
        (port,) = service["spec"]["ports"]
        assert port["targetPort"] in [each["name"] for each in pod(name).container["ports"]]
    (monitor,) = of_kind("PodMonitor")
    assert selected(monitor["spec"]["selector"], "precieux") == servers - {"executor"}


def test_the_runner_uses_the_address_of_the_executor_service() -> None:
    address = urlsplit(settings("precieux")["PRECIEUX_CODEX_URL"])
    service = the("Service", "executor")
    assert address.hostname == f"executor.{service['metadata']['namespace']}"
    assert address.port == service["spec"]["ports"][0]["port"]
