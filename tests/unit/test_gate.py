import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.fixtures import executor, gate, languages

_ROOT = Path(__file__).parents[2]


def test_a_missing_service_is_listed_once() -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        gate.missing("RabbitMQ", "`apt-get install rabbitmq-server`.")
    sentence = "RabbitMQ is not available: `apt-get install rabbitmq-server`."
    assert str(skipped.value) == sentence
    # As pytest reports it; each service is listed once, and other reasons for a skip are not listed.
    reported = f"Skipped: {sentence}"
    assert gate.missed([reported, reported, "Skipped: only root can"]) == [sentence]


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


def test_an_unknown_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_TEST_BACKEND", "podman")
    with pytest.raises(pytest.UsageError, match="`embedded` or `docker`"):
        gate.backend()


@pytest.mark.parametrize(("user", "reason"), [(0, "'subordinate ids' is not available"), (1000, "left out: only root")])
def test_only_root_can_be_without_a_mode(monkeypatch: pytest.MonkeyPatch, user: int, reason: str) -> None:
    monkeypatch.delitem(executor.MODES, "subordinate ids", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: user)
    with pytest.raises(pytest.skip.Exception, match=reason), executor.running_executor("subordinate ids"):
        pass


@pytest.mark.parametrize(
    ("code", "reason"), [("js", "a toolchain for js is not available"), ("rs", "left out: no tool")]
)
def test_only_languages_that_bootstrap_installs_must_be_there(
    monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    absent = SimpleNamespace(toolchain=lambda: None)
    monkeypatch.setattr(languages, "known", lambda: {"js": absent, "rs": absent})
    with pytest.raises(pytest.skip.Exception, match=reason):
        languages.need_language(code)
