"""The patches that the example offers for a cloud: each can be uncommented, and changes what it says."""

import re
import shutil
from pathlib import Path
from typing import Any

from tests.unit.kubernetes.manifests import FOLDER, rendered


def test_the_patches_of_the_example_can_be_uncommented(tmp_path: Path) -> None:
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
