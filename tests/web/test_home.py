"""The parts that all pages share, seen on the first page."""

import pytest
from playwright.sync_api import Page, expect

from tests.web.browsing import expect_all_can_read

pytestmark = pytest.mark.slow

_TOP = "element => element.getBoundingClientRect().top"


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


def test_the_page_uses_its_screen(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#version")).not_to_be_empty()
    for width in range(320, 1300, 20):
        page.set_viewport_size({"width": width, "height": 800})
        language, run = (page.locator(element).evaluate(_TOP) for element in ("#language", "#run"))
        assert language == pytest.approx(run, abs=2), width
    page.set_viewport_size({"width": 2560, "height": 1440})
    for element, least in (("#editor", 800), ("#panel", 1200)):
        assert page.locator(element).evaluate("element => element.clientHeight") > least


def test_the_divider_is_moved_and_stays_there(page: Page, locale: str) -> None:
    page.goto("/")
    divider = page.locator("#divider")
    # The program is on the right in Persian.
    divider.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "54" if locale == "en" else "50")
    divider.hover()
    page.mouse.down()
    page.mouse.move(800, 300)
    page.mouse.up()
    page.reload()
    expect(divider).not_to_have_attribute("aria-valuenow", "52")
    assert divider.evaluate("element => document.elementFromPoint(800, 300) === element")
    expect_all_can_read(page)


def test_code_in_a_refusal_looks_like_code(page: Page) -> None:
    page.set_extra_http_headers({"X-Forwarded-For": "192.0.2.1"})
    for path in ("/", "/sent/1"):
        page.goto(path)
        expect(page.locator(".notice:visible code").first).to_have_text("precieux keys create NAME")
