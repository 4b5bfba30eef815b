"""Java's unit tests need JUnit's archives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from executor.catalogue.installed import Installed
from executor.languages import known
from executor.request_checks import RequestChecks
from executor.settings import ExecutorSettings
from executor.unit_tests import jvm
from executor.wire import BadRequest
from shared.engine_api.run_call.request import ProgramRequest
from tests.fixtures.run_call import as_files


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in place of Debian's."""
    monkeypatch.setattr(jvm, "_FOLDER", tmp_path)
    jvm.jars.cache_clear()
    yield tmp_path
    jvm.jars.cache_clear()


def test_the_version_is_that_of_the_archive(folder: Path) -> None:
    for name in jvm._NEEDED:
        (folder / f"{name}-5.10.3.jar").touch()
        (folder / f"{name}.jar").symlink_to(f"{name}-5.10.3.jar")
    assert jvm.version() == "5.10.3"
    (folder / "opentest4j.jar").unlink()
    jvm.jars.cache_clear()
    assert jvm.version() is None


def test_without_junit_a_request_is_told_how_to_install_it() -> None:
    installed = {"java": Installed(known()["java"], {}, "javac 21.0.1")}
    checks = RequestChecks(ExecutorSettings(), installed, has_tester=True)
    tests = {"framework": "junit", "files": as_files({"ATest.java": "class ATest { }"})}
    fields = {"language": "java", "files": as_files({"A.java": "class A { }"}), "unit_tests": tests}
    with pytest.raises(BadRequest, match="apt install junit5"):
        checks.program(ProgramRequest.model_validate(fields, strict=False))
