"""The languages, one file each (`base.Language`); which of them this machine has is asked once at start."""

import importlib
import pkgutil

from executor.languages.base import Language


def known() -> dict[str, Language]:
    """Every language that there is a file for, by CodeX code."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    languages = (getattr(module, "LANGUAGE", None) for module in modules)
    return {language.code: language for language in languages if isinstance(language, Language)}
