"""What the operator has chosen for the languages of this machine: libraries, toolchains and limits."""

import os
import pwd
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter

from executor.catalogue.libraries import find_libraries
from executor.languages import explained, known
from executor.languages.base import InstalledLibrary, Needs
from executor.languages.toolchain import IN_BOXES, Toolchain, in_folder
from executor.settings import ExecutorSettings
from shared.common.service.errors import ConfigurationError
from shared.engine_api.languages import check_lang

#: The folder of toolchains in images, and of root.
_OF_THE_SYSTEM: Final = Path("/opt/precieux/toolchains")


@dataclass(frozen=True)
class Chosen:
    """`libraries` and `needs` are by the code of the language. `folders` are those on the host that boxes show, by
    their paths in a box."""

    libraries: Mapping[str, tuple[InstalledLibrary, ...]] = field(default_factory=dict)
    needs: Mapping[str, Needs] = field(default_factory=dict)
    toolchains: tuple[Toolchain, ...] = ()
    folders: Mapping[str, Path] = field(default_factory=dict)


def find_chosen(settings: ExecutorSettings) -> Chosen:
    """Return what the settings and their folders have. Raises `ConfigurationError` if something is wrong there."""
    folders, libraries = find_libraries(settings)
    folder = toolchains_folder(settings)
    toolchains = in_folder(folder)
    if folder.is_dir():
        folders[IN_BOXES] = folder
    needs = _limits_of_languages(settings.language_limits, toolchains) if settings.language_limits else {}
    return Chosen(libraries, needs, toolchains, folders)


def toolchains_folder(settings: ExecutorSettings) -> Path:
    """Return the operator's folder of toolchains, or else the system's or the user's."""
    if settings.toolchains:
        return settings.toolchains.absolute()
    if os.geteuid() == 0 or _OF_THE_SYSTEM.is_dir():
        return _OF_THE_SYSTEM
    try:  # not $HOME, which `precieux up` does not pass on to the executor
        home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:  # a container's user that is only a number
        return _OF_THE_SYSTEM
    return home / ".local/share/precieux/toolchains"


def _limits_of_languages(file: Path, toolchains: Iterable[Toolchain]) -> dict[str, Needs]:
    languages = {*known(), *(code for toolchain in toolchains for code in toolchain.languages)}
    try:
        by_name = TypeAdapter(dict[Literal["limits"], dict[str, Needs]]).validate_python(
            tomllib.loads(file.read_text("utf-8"))
        )
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"PRECIEUX_LANGUAGE_LIMITS: {file}: {explained(exc)}.") from None
    needs = {check_lang(name) or name: of_language for name, of_language in by_name.get("limits", {}).items()}
    if unknown := sorted(needs.keys() - languages):
        raise ConfigurationError(f"PRECIEUX_LANGUAGE_LIMITS: {file}: `limits.{unknown[0]}`: there is no such language.")
    return needs
