"""The recipient's page: the result of one submission by a signed link."""

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from shared.adapters.storage.secret import kept_secret
from shared.adapters.storage.signing import LinkSigner
from tests.fixtures.up import Up
from tests.web.browsing import axe_violations, expect_all_can_read
from tests.web.conftest import NewPage
from tests.web.programs import BROKEN, GREETING, SLEEPING, SQUARES, link_of, post

pytestmark = pytest.mark.slow

UNSUBSCRIBED = {"en": "The mails are stopped", "fa": "دریافت ایمیل‌ها لغو شد"}

ALLOWED = {"en": "The mails are allowed again", "fa": "ایمیل‌ها دوباره مجاز شدند"}


def test_the_page_speaks_the_language_of_the_submission(new_page: NewPage, system: Up, locale: str) -> None:
    page = new_page(locale="fa" if locale == "en" else "en")
    page.goto(link_of(post(system, {**GREETING, "locale": locale})))
    assert page.locator("html").get_attribute("lang") == locale
    expect(page.locator(".output").first).to_have_text("Hello Ada\n")
    expect(page.locator(".facts")).to_contain_text(re.compile(r"Python 3\.\d+"))


@pytest.mark.parametrize("program", [GREETING, BROKEN, SQUARES], ids=["output", "compile error", "tests"])
def test_all_can_read_the_recipients_page(page: Page, system: Up, locale: str, program: dict[str, object]) -> None:
    page.goto(link_of(post(system, {**program, "locale": locale})))
    page.evaluate("document.querySelectorAll('details').forEach(each => (each.open = true))")
    expect_all_can_read(page)


def test_nothing_else_can_be_reached_from_it(page: Page, system: Up) -> None:
    page.goto(link_of(post(system, SQUARES)))
    addresses = page.evaluate("[...document.querySelectorAll('[href], [src], [action]')].map(each => each.outerHTML)")
    own = ("/static/", "favicon", 'href="#content"', 'href="?')
    assert all(any(part in each for part in own) for each in addresses)
    assert page.evaluate("document.scripts.length") == 0


def test_it_shows_the_program_and_what_it_read(page: Page, system: Up, locale: str) -> None:
    source = "print(len(input()), '<b>\u202e')\n"
    page.goto(link_of(post(system, {**GREETING, "source": source, "locale": locale, "stdin": "</pre>Ada"})))
    program = page.locator("details.text")
    expect(program).not_to_have_attribute("open", "")
    program.locator("summary").click()
    expect(program.locator(".output")).to_have_text(source.replace("\u202e", "U+202E"))
    expect(page.locator(".output", has_text="</pre>Ada")).to_have_count(1)
    page.goto(link_of(post(system, {**SQUARES, "locale": locale})))
    # The details of the test that failed are open.
    expect(page.locator(".more details[open] .output").first).to_have_text("6")
    expect(page.locator(".output", has_text=re.compile("77"))).to_have_count(0)


def test_it_shows_no_files_beside_hidden_tests(page: Page, system: Up) -> None:
    """One of them may check the program."""
    files = [{"path": "main.py", "content": "import answers\n"}, {"path": "answers.py", "content": "print(36)\n"}]
    body = {"language": "py", "files": files, "email": "ada@example.com"}
    page.goto(link_of(post(system, body)))
    expect(page.locator("details.text .output")).to_have_text(["import answers", "print(36)"])
    page.goto(link_of(post(system, {**body, "tests": [{"expected_output": "36", "hidden": True}]})))
    expect(page.locator("details.text")).to_have_count(0)


def test_its_switch_changes_the_language(page: Page, system: Up, locale: str) -> None:
    other = "en" if locale == "fa" else "fa"
    page.goto(link_of(post(system, {**GREETING, "locale": locale})))
    page.locator(f"a[hreflang={other}]").click()
    expect(page.locator("html")).to_have_attribute("lang", other)
    expect(page.locator(".output").first).to_have_text("Hello Ada\n")


def test_the_page_of_a_running_program_ends_with_its_result(page: Page, system: Up) -> None:
    submission = post(system, SLEEPING | {"email": "ada@example.com"}, wait_s=0)
    page.goto(link_of(submission))
    expect(page.locator(".verdict")).to_have_class("verdict waiting running")
    requests.post(f"{system.url}/v1/submissions/{submission['id']}/cancel", timeout=10)
    expect(page.locator(".verdict")).to_have_class("verdict  cancelled")


def test_the_unsubscribe_link_stops_the_mails_by_a_button(page: Page, system: Up, locale: str) -> None:
    address = f"ada+{locale}\u202e@example.com"
    page.goto(LinkSigner(kept_secret(system.data_dir), "").unsubscribe_link(address))
    expect_all_can_read(page)
    page.locator("button").click()
    expect(page.locator("h1")).to_have_text(UNSUBSCRIBED[locale])
    expect(page.locator("strong")).to_have_text(address.replace("\u202e", "U+202E"))
    expect(page.locator("main")).to_contain_text(f"Precieux (127.0.0.1:{system.port})")
    assert axe_violations(page) == []
    page.locator("button").click()
    expect(page.locator("h1")).to_have_text(ALLOWED[locale])
    assert axe_violations(page) == []
    page.locator("nav a[hreflang]").click()
    expect(page.locator("button.primary")).to_be_visible()


@pytest.mark.parametrize("path", ["/problems#not-found", "/no/such/page"])
def test_all_can_read_the_pages_of_problems(page: Page, path: str) -> None:
    page.goto(path)
    expect_all_can_read(page)
