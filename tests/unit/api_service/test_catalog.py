"""The engine's bounds, where languages have different defaults."""

from api_service.languages.catalog import LanguageCatalog
from shared.engine_api.codex import LimitBounds, SupportedLanguage


def _language(code: str, memory: int = 0) -> SupportedLanguage:
    limits = {"memory_bytes": LimitBounds(default=memory, max=1000), "cpu_s": LimitBounds(default=2, max=9)}
    return SupportedLanguage(language=code, info="", limits=limits if memory else None)


def test_the_bounds_have_the_lowest_default() -> None:
    catalog = LanguageCatalog({"r": _language("r", 500), "py": _language("py", 100), "x": _language("x"), "y": None})
    assert catalog.bounds == {
        "memory_bytes": LimitBounds(default=100, max=1000),
        "cpu_s": LimitBounds(default=2, max=9),
    }


def test_bounds_that_no_engine_has_reported_are_empty() -> None:
    assert LanguageCatalog({}).bounds == {}
    assert LanguageCatalog({"py": None, "x": _language("x")}).bounds == {}
