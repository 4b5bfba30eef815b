"""How much a page loads, and how soon it can be used."""

import json

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browsing import LOADED
from tests.web.conftest import NewPage

pytestmark = pytest.mark.slow


def test_the_first_load_is_under_250_kb(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/")
    expect(page.locator(".cm-line span[class]").first).to_be_visible()
    loaded = dict(page.evaluate(LOADED))
    assert all(loaded.values()), loaded
    assert sum(loaded.values()) < 250_000, loaded


def test_a_second_load_takes_files_from_the_cache(new_page: NewPage) -> None:
    page = new_page()
    for _ in range(2):
        page.goto("/")
        expect(page.locator(".cm-line span[class]").first).to_be_visible()
    assert {size for address, size in page.evaluate(LOADED) if "/static/" in address} == {0}


def test_the_page_can_be_used_after_150_ms_of_cpu(browser: Browser, new_page: NewPage) -> None:
    """Elapsed time depends on what else the machine does, so the CPU time of the page is bounded."""
    page = new_page()
    browser.start_tracing(page=page, categories=["toplevel", "blink.user_timing"])
    page.goto("/")
    expect(page.locator(".cm-content")).to_be_visible()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    [usable] = [event for event in events if event["name"] == "interactive"]
    tasks = [event for event in events if event["name"] == "ThreadControllerImpl::RunTask"]
    same_thread = [task for task in tasks if (task["pid"], task["tid"]) == (usable["pid"], usable["tid"])]
    milliseconds = sum(task.get("tdur", 0) for task in same_thread if task["ts"] < usable["ts"]) / 1000
    assert 5 < milliseconds < 150
