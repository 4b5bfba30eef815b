"""Unit tests on the page: chosen or dropped files go with the program, and results are a list of tests."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Route, expect

from tests.fixtures.up import Up
from tests.web.browsing import expect_all_can_read
from tests.web.first_page import drop, write

pytestmark = pytest.mark.slow

_TEST: Final = "from student import add\n"


def offer_frameworks(page: Page) -> None:
    """Have the page learn that Python has unit tests, as an engine with them reports it."""

    def answer(route: Route) -> None:
        languages: dict[str, Any] = route.fetch().json()
        for language in languages["items"]:
            language["unit_tests"] = [{"framework": "pytest", "version": "9.0.2"}] if language["code"] == "py" else []
        route.fulfill(json=languages)

    page.route("**/v1/languages", answer)


def test_chosen_and_dropped_files_are_sent_in_place_of_tests(page: Page, system: Up, tmp_path: Path) -> None:
    offer_frameworks(page)
    page.goto(system.url)
    section = page.locator("#unit-tests")
    expect(section).to_be_visible()
    page.locator("#language").select_option("bash")
    expect(section).to_be_hidden()
    page.locator("#language").select_option("py")
    write(page, "def add(a, b): return a + b\n")
    section.locator("summary").click()
    (tmp_path / "test_add.py").write_text(_TEST)
    page.locator("#unit-test-file").set_input_files(tmp_path / "test_add.py")
    drop(page, {"data.txt": "1", "test_b.py": "x"}, onto="#unit-tests")
    names = section.locator("li code")
    expect(names).to_have_text(["test_add.py", "data.txt", "test_b.py"])
    section.locator("li", has_text="test_b.py").get_by_role("button").click()
    expect(names).to_have_count(2)
    expect_all_can_read(page)
    # A link and a draft have them too.
    page.locator("#share").click()
    expect(page.locator("#share-link")).to_be_visible()
    link = page.locator("#share-link").input_value()
    page.keyboard.press("Escape")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.locator("#run").click()
    body = json.loads(sent.value.post_data or "")
    assert body["unit_tests"] == {
        "files": [
            {"path": "test_add.py", "content": _TEST}, {"path": "data.txt", "content": "1"},
        ],
    }  # fmt: skip
    assert {"stdin", "args", "tests", "checker", "live_output"}.isdisjoint(body)
    page.goto("about:blank")
    page.goto(link)
    expect(names).to_have_text(["test_add.py", "data.txt"])
    expect(section).to_be_visible()
