"""The parts that all pages share, seen on the first page."""

import pytest
from playwright.sync_api import Page

from tests.web.browsing import SCREENS, Screen, axe_violations, show_on

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_axe_finds_nothing_on_the_first_page(page: Page, screen: Screen) -> None:
    show_on(page, screen)
    page.goto("/")
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width


def test_a_page_speaks_the_language_of_the_browser(page: Page, locale: str) -> None:
    page.goto("/")
    root = page.locator("html")
    assert (root.get_attribute("lang"), root.get_attribute("dir")) == (locale, "rtl" if locale == "fa" else "ltr")


def test_the_switch_changes_the_language_for_good(page: Page, locale: str) -> None:
    other = "en" if locale == "fa" else "fa"
    page.goto("/")
    page.locator(f"a[hreflang={other}]").click()
    page.goto("/")
    assert page.locator("html").get_attribute("lang") == other
