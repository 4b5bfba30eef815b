"""Unit tests on the page: chosen or dropped files go with the program, and results are a list of tests."""

import json
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.up import Up
from tests.web.browsing import expect_all_can_read
from tests.web.first_page import drop, ended, write

pytestmark = pytest.mark.slow

_TEST: Final = """
from student import add

def test_add(): assert add(1, 2) == 3
def test_texts(): assert add("1", "2") == "3"
"""


def test_chosen_and_dropped_files_are_sent_in_place_of_tests(
    page: Page, system: Up, tmp_path: Path, locale: str
) -> None:
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
    files = [{"path": "test_add.py", "content": _TEST}, {"path": "data.txt", "content": "1"}]
    assert body["unit_tests"] == {"files": files}
    assert {"stdin", "args", "tests", "checker", "live_output"}.isdisjoint(body)
    ended(page)
    outcomes = {"en": ["Passed", "Failed"], "fa": ["موفق", "ناموفق"]}[locale]
    expect(page.locator("table.tests tbody tr:not(.more) td .verdict")).to_have_text(outcomes)
    expect(page.locator("table.tests .more")).to_contain_text("assert '12' == '3'")
    expect_all_can_read(page)
    page.goto("about:blank")
    page.goto(link)
    expect(names).to_have_text(["test_add.py", "data.txt"])
    expect(section).to_be_visible()
