"""Every field of the manifests is valid for Kubernetes, KEDA or the Prometheus operator."""

from copy import deepcopy
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from tests.unit.kubernetes.manifests import Object, rendered, the

#: The oldest version with an unmasked /proc (`hostUsers: false` with `procMount`), and the newest known one.
VERSIONS: Final = ("1.33", kubernetes_validate.latest_version())


def _closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_TEXT: Final = {"type": "string", "minLength": 1}
_COUNT: Final = {"type": "integer", "minimum": 0}
_LIST: Final = {"type": "array", "minItems": 1}

#: The part of each kind's definition that we use, from the documentation of KEDA 2 and the Prometheus operator.
_EXTENSIONS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("keda.sh/v1alpha1", "ScaledObject"): _closed(
        {
            "scaleTargetRef": _closed({"name": _TEXT}),
            "minReplicaCount": _COUNT,
            "maxReplicaCount": _COUNT,
            "pollingInterval": _COUNT,
            "triggers": _LIST
            | {
                "items": _closed(
                    {
                        "type": _TEXT,
                        "metadata": {"type": "object", "additionalProperties": _TEXT},
                        "authenticationRef": _closed({"name": _TEXT}),
                    }
                )
            },
        }
    ),
    ("keda.sh/v1alpha1", "TriggerAuthentication"): _closed(
        {"secretTargetRef": _LIST | {"items": _closed({"parameter": _TEXT, "name": _TEXT, "key": _TEXT})}}
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): _closed(
        {
            "groups": _LIST
            | {
                "items": _closed(
                    {
                        "name": _TEXT,
                        "rules": _LIST
                        | {
                            "items": _closed(
                                {
                                    "alert": _TEXT,
                                    "expr": _TEXT,
                                    "labels": {"type": "object"},
                                    "annotations": {"type": "object"},
                                },
                                {"for": _TEXT},
                            )
                        },
                    }
                )
            }
        }
    ),
    ("monitoring.coreos.com/v1", "PodMonitor"): _closed(
        {
            "selector": {"type": "object"},
            "podMetricsEndpoints": _LIST | {"items": _closed({"port": _TEXT, "interval": _TEXT})},
            "jobLabel": _TEXT,
        }
    ),
}


def validate(one: Object, version: str) -> None:
    extension = _EXTENSIONS.get((one["apiVersion"], one["kind"]))
    if extension is None:
        kubernetes_validate.validate(one, version, strict=True)
    else:
        jsonschema.validate(one["spec"], extension)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    for one in rendered():
        validate(one, version)


@pytest.mark.parametrize(
    ("kind", "name", "field"),
    [("Deployment", "executor", "hostUser"), ("Job", "migrate", "backofLimit"), ("ScaledObject", "job-runner", "min")],
)
def test_a_mistyped_field_is_noticed(kind: str, name: str, field: str) -> None:
    broken = deepcopy(the(kind, name))
    broken["spec"][field] = 1
    with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError)):
        validate(broken, VERSIONS[0])
