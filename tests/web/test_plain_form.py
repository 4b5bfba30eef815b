"""Sending a program without scripts."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.browsing import expect_all_can_read
from tests.web.conftest import NewPage

pytestmark = pytest.mark.slow


@pytest.fixture
def plain(new_page: NewPage, locale: str) -> Page:
    """Return the first page in a browser that runs no scripts."""
    page = new_page(locale=locale, java_script_enabled=False)
    page.goto("/")
    return page


def send(page: Page) -> None:
    """Press the button, and return when the page shows a result. It looks again by itself."""
    page.locator("#program .run button").click()
    page.wait_for_url("**/pages/*")
    expect(page.locator("h1 .verdict")).not_to_contain_class("waiting")


def test_the_form_takes_files_by_their_label(plain: Page, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import other\n")
    (tmp_path / "other.py").write_text("print('from a file')\n")
    with plain.expect_file_chooser() as chooser:
        plain.locator("label[for^=file]").click()
    chooser.value.set_files([tmp_path / "main.py", tmp_path / "other.py"])
    send(plain)
    expect(plain.locator(".output").first).to_have_text("from a file\n")


def test_the_form_takes_tests(plain: Page) -> None:
    plain.locator("#source").fill("print(int(input()) ** 2)")
    plain.locator("details:has([name=test_stdin]) > summary").click()
    for row, (stdin, expected) in enumerate((("2", "4"), ("3", "8"))):
        plain.locator("[name=test_stdin]").nth(row).fill(stdin)
        plain.locator("[name=test_expected]").nth(row).fill(expected)
    plain.locator("[name=test_hidden]").nth(1).check()
    send(plain)
    expect(plain.locator(".tests tbody tr:not(.more)")).to_have_count(2)
    expect(plain.locator(".tests tbody tr.more")).to_have_count(1)


def test_what_needs_scripts_is_not_there(plain: Page, locale: str) -> None:
    expect(plain.locator(".welcome p:visible").first).to_contain_text({"en": "own", "fa": "جداگانه"}[locale])
    for hidden in ("#open-history", "#choose", "#sample", "#add-test", "#editor"):
        expect(plain.locator(hidden)).to_be_hidden()


def test_all_can_read_the_plain_form(page: Page) -> None:
    # axe itself needs scripts, so only the page's own are left out.
    page.route("**/send.js", lambda route: route.abort())
    page.goto("/")
    expect_all_can_read(page)
