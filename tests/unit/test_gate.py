"""A test that cannot run fails with `CI`, unless it is left out on purpose."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


#: Every way to skip a test: by a service, a mark, a fixture, and one that the gate allows.
_SKIPPED = """
import pytest
from tests.fixtures import gate

def test_missing():
    gate.missing("RabbitMQ", "install it.")

@pytest.mark.skipif(True, reason="no compiler")
def test_marked():
    pass

@pytest.fixture
def cgroup():
    pytest.skip("no cgroup")

def test_fixture(cgroup):
    pass

def test_left_out():
    gate.leave_out("only root can")

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False
"""


@pytest.mark.parametrize(
    ("ci", "verdict"), [("true", "1 failed, 1 skipped, 1 xfailed, 2 errors in"), ("false", "4 skipped, 1 xfailed in")]
)
def test_ci_skips_only_what_is_left_out(tmp_path: Path, ci: str, verdict: str) -> None:
    (tmp_path / "test_skipped.py").write_text(_SKIPPED)
    options = ["--noconftest", "-p", "tests.fixtures.gate", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-q"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=_ROOT,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout.splitlines()[-1].startswith(verdict)
    assert ("CI must not skip tests: no compiler" in run.stdout) is (ci == "true")
