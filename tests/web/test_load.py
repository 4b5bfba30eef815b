"""How much a page loads, and how soon it can be used."""

from typing import Final

import pytest
from playwright.sync_api import expect

from tests.waiting import PATIENCE
from tests.web.conftest import NewPage

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_BYTES: Final = """() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
  .map(entry => [entry.name, entry.transferSize])"""


def test_the_first_load_is_under_250_kb(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/")
    expect(page.locator(".cm-line span[class]").first).to_be_visible()
    loaded = dict(page.evaluate(_BYTES))
    assert all(loaded.values()), loaded
    assert sum(loaded.values()) < 250_000, loaded


def test_a_second_load_takes_files_from_the_cache(new_page: NewPage) -> None:
    page = new_page()
    for _ in range(2):
        page.goto("/")
        expect(page.locator(".cm-line span[class]").first).to_be_visible()
    assert {size for address, size in page.evaluate(_BYTES) if "/static/" in address} == {0}


def test_the_page_can_be_used_within_300_ms(new_page: NewPage) -> None:
    times = []
    for _ in range(10):
        page = new_page()
        page.goto("/")
        expect(page.locator(".cm-content")).to_be_visible()
        times.append(page.evaluate("performance.getEntriesByName('interactive')[0].startTime"))
    # Other work on the machine only makes it take longer.
    assert min(times) < 300 * PATIENCE, times
