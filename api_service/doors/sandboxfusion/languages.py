"""SandboxFusion's names of our languages, and how it compiles and runs them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api_service.doors.sandboxfusion.request import NotRunnable
from api_service.languages.catalog import EngineLanguage, LanguageCatalog
from shared.engine_api.languages import names_in


@dataclass(frozen=True, slots=True)
class FusionLanguage:
    """What SandboxFusion does with a language. `name` is its own, `code` is ours.

    If it `compiles`, the answer has the stage of the compiler; otherwise a compiler that fails is a run that failed.
    `takes_files` is False if files are not written. `needs` is a package that must be among the operator's.
    """

    code: str
    name: str
    compiles: bool = False
    compiler_args: Sequence[str] = ()
    interpreter_args: Sequence[str] = ()
    takes_files: bool = True
    needs: str | None = None


_BY_NAME: Final = {fields["name"]: FusionLanguage(code, **fields) for code, fields in names_in("sandboxfusion").items()}
_PYTEST: Final = FusionLanguage("py", "pytest", interpreter_args=("-m", "pytest"), needs="pytest")


def find(name: str, catalog: LanguageCatalog) -> tuple[FusionLanguage, EngineLanguage]:
    """Return a language by SandboxFusion's name, and what the engine has for it. Raises `NotRunnable` without it."""
    language = _PYTEST if name == _PYTEST.name else _BY_NAME.get(name)
    installed = catalog.find(language.code) if language else None
    packages = {package.name for package in (installed and installed.details and installed.details.libraries) or ()}
    if language is None or installed is None or (language.needs and language.needs not in packages):
        raise NotRunnable(f"{name} is not installed on this server.")
    return language, installed
