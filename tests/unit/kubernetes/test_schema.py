"""The manifests are valid for Kubernetes, to each field."""

from typing import Final

import pytest

from tests.unit.kubernetes.manifests import rendered

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
