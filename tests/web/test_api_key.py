"""The page of a server that wants an API key."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.up import SETTINGS, Up, running_system
from tests.web.browsing import axe_violations
from tests.web.conftest import NewPage

pytestmark = pytest.mark.slow

KEY = "a-key-of-the-operator-of-this-server-0123456789"


@pytest.fixture(scope="module")
def system() -> Iterator[Up]:
    """Yield a system that wants an API key."""
    with running_system({**SETTINGS, "PRECIEUX_API_KEYS": KEY}) as one:
        yield one


def give(page: Page, key: str) -> None:
    expect(page.locator("#key-dialog")).to_be_visible()
    page.locator("#key").fill(key)
    page.keyboard.press("Enter")


def test_the_page_asks_for_a_key_and_keeps_it_in_the_tab(page: Page, new_page: NewPage, locale: str) -> None:
    page.goto("/")
    expect(page.locator("#key-dialog")).to_be_visible()
    assert axe_violations(page) == []
    give(page, "a wrong key")
    expect(page.locator("#key-refused")).to_be_visible()
    give(page, KEY)
    expect(page.locator("#version")).not_to_be_empty()
    page.locator("#run").click()
    expect(page.locator("#status .finished")).to_be_visible()
    page.reload()
    expect(page.locator("#status .finished")).to_be_visible()
    assert KEY not in page.url
    assert KEY not in page.evaluate("JSON.stringify(localStorage) + document.cookie")
    other = new_page(locale=locale)
    other.goto("/")
    expect(other.locator("#key-dialog")).to_be_visible()


def test_a_key_is_remembered_and_forgotten(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#key-dialog")).to_be_visible()
    page.locator("#remember-key").check()
    give(page, KEY)
    expect(page.locator("#version")).not_to_be_empty()
    other = page.context.new_page()
    other.goto("/")
    expect(other.locator("#version")).not_to_be_empty()
    other.locator("#open-key").press("Enter")
    assert axe_violations(other) == []
    other.locator("#forget-key").click()
    expect(other.locator("#open-key")).to_be_hidden()
    page.reload()
    expect(page.locator("#key-dialog")).to_be_visible()
