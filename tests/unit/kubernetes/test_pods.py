"""Every pod is as confined as its container with Compose, and has probes and a grace period."""

import re
from typing import Any, Final

import pytest
import yaml
from starlette.routing import Route

from api_service.classic.routes.health import router
from tests.unit.kubernetes.manifests import FOLDER, ROOT, Pod, of_kind, pod, pods

PODS: Final = {one.name: one for one in pods()}
SERVICES: Final = ("api-service", "queue-consumer", "job-runner")
ON_DISK: Final = ("api-service", "executor")

every_pod = pytest.mark.parametrize("one", PODS.values(), ids=PODS)
every_server = pytest.mark.parametrize(
    "one", [PODS[name] for name in (*SERVICES, "executor")], ids=lambda one: one.name
)


def compose(name: str) -> dict[str, Any]:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return dict(services[name.replace("-", "_")])


@every_pod
def test_a_pod_has_no_privilege(one: Pod) -> None:
    assert one.spec["securityContext"]["runAsNonRoot"] is True
    assert one.spec["securityContext"]["runAsUser"] == 10001  # of deploy/Dockerfile
    own = one.container["securityContext"]
    assert own["privileged"] is own["allowPrivilegeEscalation"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(one.spec)
    assert [volume.keys() - {"name"} for volume in one.spec["volumes"]] == [{"emptyDir"}]


@every_pod
def test_packages_and_test_data_are_on_a_disk(one: Pod) -> None:
    """Both may have more bytes than the folder in memory. With Compose, it is a volume too."""
    is_on_disk = one.name in ON_DISK
    assert [volume["emptyDir"] == {"sizeLimit": "4Gi"} for volume in one.spec["volumes"]] == [is_on_disk]
    if is_on_disk:
        assert (compose(one.name)["tmpfs"], compose(one.name)["volumes"]) == ([], ["/tmp"])


@every_pod
def test_a_pod_has_no_kubernetes_token(one: Pod) -> None:
    assert one.spec["automountServiceAccountToken"] is False
    assert one.spec["enableServiceLinks"] is False


@every_pod
def test_a_pod_has_limits(one: Pod) -> None:
    resources = one.container["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"])
    assert "memory" in resources["limits"]
    if one.name not in ON_DISK:
        assert [volume["emptyDir"] for volume in one.spec["volumes"]] == [{"medium": "Memory", "sizeLimit": "64Mi"}]


def test_only_the_executor_may_make_boxes() -> None:
    more = {"procMount", "appArmorProfile", "seccompProfile"}
    for one in pods():
        assert one.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        if one.name != "executor":
            assert not more & set(one.container["securityContext"])
    executor = pod("executor")
    own = executor.container["securityContext"]
    profile = {"type": "Localhost", "localhostProfile": "precieux/executor-seccomp.json"}
    assert {name: own[name] for name in more} == {
        "procMount": "Unmasked",
        "appArmorProfile": {"type": "Unconfined"},
        "seccompProfile": profile,
    }
    assert executor.spec["hostUsers"] is False
    # The same file as with Compose. The manual describes how a node gets it.
    assert "seccomp=deploy/executor-seccomp.json" in compose("executor")["security_opt"]
    assert f"/seccomp/{profile['localhostProfile']}" in (ROOT / "docs/operations.md").read_text()


def test_the_namespaces_admit_no_other_privileges() -> None:
    enforced = {
        one["metadata"]["name"]: one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for one in of_kind("Namespace")
    }
    assert enforced == {"precieux": "restricted", "precieux-executor": "privileged"}
    assert {one.namespace for one in pods() if one.name != "executor"} == {"precieux"}


@every_server
def test_the_probes_use_served_paths(one: Pod) -> None:
    ports = {port["name"]: port["containerPort"] for port in one.container["ports"]}
    served = {(8000, route.path) for route in router.routes if isinstance(route, Route)} | {
        (9100, "/healthz"),
        (8100, "/healthz"),
    }  # shared/records/operations/health.py, executor/app.py
    probes = {name: one.container[name] for name in one.container if name.endswith("Probe")}
    assert {"livenessProbe", "readinessProbe"} <= set(probes)
    for probe in probes.values():
        assert (ports[probe["httpGet"]["port"]], probe["httpGet"]["path"]) in served


@every_pod
def test_the_overlay_sets_the_image(one: Pod) -> None:
    base, example = (
        set(re.findall(pattern, "".join(path.read_text() for path in FOLDER.glob(files))))
        for pattern, files in ((r"image: (\S+)", "*/*.yaml"), (r"\{name: (precieux-\w+), newName", "example/*.yaml"))
    )
    assert base == example
    assert one.container["image"].startswith("registry.example.com/precieux-")
