"""The languages, one file each (`base.LanguageDefinition`). The executor checks at start which are installed."""

import importlib
import pkgutil

from executor.languages.base import LanguageDefinition


def known() -> dict[str, LanguageDefinition]:
    """Return every language that has a file, by CodeX code. Files whose name begins with `_` help the languages."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names if not name.startswith("_"))
    languages = (getattr(module, "LANGUAGE", None) for module in modules)
    return {language.code: language for language in languages if isinstance(language, LanguageDefinition)}
