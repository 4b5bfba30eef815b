"""Says which frameworks of unit tests the executor has."""

import importlib.metadata

from executor.catalogue.installed import Installed
from executor.unit_tests import jvm
from shared.engine_api.codex import LanguageFramework
from shared.engine_api.unit_tests import UnitTestFramework


def frameworks_of(installed: Installed) -> list[LanguageFramework]:
    """Return the frameworks of a language, the usual one first."""
    if installed.code == "js":
        return [LanguageFramework(framework=UnitTestFramework.NODE, version=installed.version or "")]
    if installed.code == "java" and (version := jvm.version()):
        return [LanguageFramework(framework=UnitTestFramework.JUNIT, version=version)]
    if installed.code != "py":
        return []
    versions = {
        UnitTestFramework.PYTEST: importlib.metadata.version("pytest"),
        UnitTestFramework.UNITTEST: installed.version,
    }
    return [LanguageFramework(framework=name, version=version or "") for name, version in versions.items()]
