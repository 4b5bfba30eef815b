import pytest

from api_service.requests.accept_language import locale_of


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("", "en"), ("fa", "fa"), ("fa-IR,en;q=0.5", "fa"), ("en;q=0.4, FA ;q=0.5", "fa"), ("de, fr", "en"),
        ("de, fa;q=0.5, en;q=0.4", "fa"), ("en, fa", "en"), ("fa;q=0", "en"), ("*", "en"), ("de,fa;q=0.1", "fa"),
        ("fa;q=2", "en"), (",;;", "en"), ("fas", "en"),
    ],
)  # fmt: skip
def test_the_locale_is_the_one_that_is_preferred(header: str, locale: str) -> None:
    assert locale_of(header) == locale
