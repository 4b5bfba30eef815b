"""The parts that all pages share, seen on the first page."""

import pytest
from playwright.sync_api import Page

from tests.web.browsing import expect_all_can_read

pytestmark = pytest.mark.slow


def test_all_can_read_the_first_page(page: Page) -> None:
    page.goto("/")
    expect_all_can_read(page)


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
