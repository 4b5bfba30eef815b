"""The output of `kubectl kustomize deploy/kubernetes/example`, as plain objects."""

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / "deploy/kubernetes"
NAME: Final = "app.kubernetes.io/name"

Object = dict[str, Any]


@cache
def rendered(overlay: Path = FOLDER / "example") -> tuple[Object, ...]:
    # The one of the wheel, beside this Python: the same version on all machines.
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no deprecation
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(*kinds: str) -> list[Object]:
    return [one for one in rendered() if one["kind"] in kinds]


def the(kind: str, name: str) -> Object:
    (one,) = [one for one in of_kind(kind) if one["metadata"]["name"] == name]
    return one


def settings(namespace: str) -> dict[str, str]:
    """Return the ConfigMap of the settings of a namespace."""
    (found,) = [one for one in of_kind("ConfigMap") if one["metadata"]["namespace"] == namespace]
    return dict(found["data"])


class Pod(NamedTuple):
    """The pod of a Deployment or a Job. All of ours have one container."""

    name: str
    namespace: str
    labels: dict[str, str]
    spec: Object

    @property
    def container(self) -> Object:
        (container,) = self.spec["containers"]
        return dict(container)


def pods() -> Iterator[Pod]:
    for owner in of_kind("Deployment", "Job"):
        template = owner["spec"]["template"]
        yield Pod(
            owner["metadata"]["name"], owner["metadata"]["namespace"], template["metadata"]["labels"], template["spec"]
        )


def pod(name: str) -> Pod:
    return next(one for one in pods() if one.name == name)


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Evaluate a LabelSelector of `meta/v1`, as far as we use it."""
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    expressions = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in expressions)
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )


def selected(selector: Object, namespace: str) -> set[str]:
    return {one.name for one in pods() if one.namespace == namespace and selects(selector, one.labels)}
