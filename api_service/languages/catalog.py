"""The engine's languages, the options of their compilers, and the bounds of a program's limits. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.engine_api.codex import LimitBounds, SupportedLanguage
from shared.engine_api.languages import ALIASES, LANGUAGES, check_lang


@dataclass(frozen=True, slots=True)
class EngineLanguage:
    """A language. `details` is the engine's row of `GET /list`; None if it has not reported any."""

    code: str
    details: SupportedLanguage | None

    @property
    def is_foreign(self) -> bool:
        """True if the engine has only the CodeX call."""
        return self.details is not None and self.details.compiled is None

    @property
    def has_run_call(self) -> bool:
        """True if the engine is known to be ours."""
        return self.details is not None and not self.is_foreign

    @property
    def is_compiled(self) -> bool:
        """True if the engine is known to compile its programs."""
        return bool(self.details and self.details.compiled)

    @property
    def codes(self) -> Sequence[str]:
        """Its code, and that of the language that it is a variant of."""
        return (self.code, self.details.language) if self.details else (self.code,)

    @property
    def main(self) -> str:
        """The path of a program that is sent as one text, such as `main.py`."""
        return f"{self._usual_file.partition('.')[0]}{self.extensions[0]}"

    @property
    def extensions(self) -> list[str]:
        """The extensions of source files, with a dot, the usual one first."""
        named = (self.details and self.details.extensions) or [self._usual_file.partition(".")[2]]
        return [f".{extension.lstrip('.')}" for extension in named]

    @property
    def _usual_file(self) -> str:
        """The usual name of its main file, for engines that name no extensions."""
        language = LANGUAGES.get(self.code)
        return language.main_file if language else f"main.{self.code}"

    @property
    def compiler_args(self) -> Sequence[str]:
        """The options that a program may set. A `*` at the end stands for any ending."""
        return (self.details and self.details.compiler_args) or ()

    @property
    def limits(self) -> Mapping[str, LimitBounds]:
        return (self.details and self.details.limits) or {}


@dataclass(frozen=True)
class LanguageCatalog:
    """All languages by their codes. Until a runner has asked the engine it is empty, and every language is accepted."""

    languages: Mapping[str, SupportedLanguage | None]

    def find(self, name: str) -> EngineLanguage | None:
        """Return the language with this code, name or alias, in any case; None if it is unknown."""
        return self._by_name.get(name.lower())

    @cached_property
    def bounds(self) -> Mapping[str, LimitBounds]:
        """The bounds of limits. All languages share the maxima. A default is that of languages without needs of their
        own, which is the lowest. It is empty until a runner has asked our engine."""
        every = [details.limits for details in self.languages.values() if details and details.limits]
        return (
            {name: min((limits[name] for limits in every), key=lambda bound: bound.default) for name in every[0]}
            if every
            else {}
        )

    @cached_property
    def codes(self) -> list[str]:
        return list(self.languages) or list(ALIASES)

    @cached_property
    def _by_name(self) -> dict[str, EngineLanguage]:
        if not self.languages:
            return {name: EngineLanguage(code, None) for code, names in ALIASES.items() for name in (code, *names)}
        by_name: dict[str, EngineLanguage] = {}
        for details in self.languages.values():
            for variant in (details and details.variants) or ():
                _add(by_name, EngineLanguage(variant.code, details), (variant.code, variant.name))
        # A language's own names come last, so they win over those of a variant.
        for code, details in self.languages.items():
            names = (details.name, *(details.aliases or ())) if details else ()
            _add(by_name, EngineLanguage(code, details), (code, *ALIASES.get(check_lang(code) or "", ()), *names))
        return by_name


def _add(by_name: dict[str, EngineLanguage], language: EngineLanguage, names: Iterable[str | None]) -> None:
    by_name.update((name.lower(), language) for name in names if name)
