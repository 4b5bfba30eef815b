"""The doctor and the self-test report this host correctly, and fail where they must."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from executor.sandbox.wall import find_bubblewrap
from tests.waiting import PATIENCE

#: It tries every language of the machine, which takes long on a loaded one.
_HANGS_S = 240 * PATIENCE
_ROOT = Path(__file__).parent.parent.parent

pytestmark = [pytest.mark.security, pytest.mark.timeout(3 * _HANGS_S)]


def _run(
    module: str, *arguments: str, prefix: Sequence[str] = (), **settings: str
) -> "subprocess.CompletedProcess[str]":
    environment = {f"PRECIEUX_{name.upper()}": value for name, value in settings.items()}
    environment["PATH"] = os.environ["PATH"]
    command = [*prefix, sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=_HANGS_S, check=False
    )


def _report(**settings: str) -> tuple[int, dict[str, Any]]:
    done = _run("executor.doctor", "--json", **settings)
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


def test_every_guarantee_and_language_holds_here() -> None:
    code, report = _report()
    assert (code, report["serves"]) == (0, True)
    assert [row["guarantee"] for row in report["rows"] if not row["held"]] == []
    assert all(row["mechanism"] for row in report["rows"])
    versions = {one["language"]: one["version"] for one in report["languages"]}
    assert {"py", "c"} <= versions.keys()
    assert re.fullmatch(r"3\.\d+\.\d+", versions["py"])


def test_root_without_user_ids_is_told_what_to_do() -> None:
    namespace = ("unshare", "--user", "--map-root-user")
    report = json.loads(_run("executor.doctor", "--json", prefix=namespace).stdout)
    assert re.fullmatch(r"As root the executor needs \d+ unused user ids, and fewer exist here\.", report["reason"])
    assert report["remedy"]
    refused = _run("executor", prefix=namespace)
    assert refused.returncode == os.EX_CONFIG
    assert report["remedy"] in refused.stderr


@pytest.mark.slow
def test_a_wall_with_a_hole_is_refused(tmp_path: Path) -> None:
    """The self-test must notice a bubblewrap that shows the host's /root and /home."""
    holed, real = tmp_path / "bwrap", find_bubblewrap.find(None, privileged=os.geteuid() == 0).path
    holed.write_text(f'#!/bin/sh\nexec {real} --ro-bind /var /root --ro-bind /var /home "$@"\n')
    holed.chmod(0o755)
    refused = _run("executor", bwrap=str(holed))
    assert refused.returncode == os.EX_CONFIG
    assert "the host's files are out of sight" in refused.stderr
    code, report = _report(bwrap=str(holed))
    assert (code, report["serves"]) == (1, False)
    code, report = _report(bwrap=str(holed), executor_unsafe_serve_without_isolation="true")
    assert (code, report["serves"]) == (0, True)
