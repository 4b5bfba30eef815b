"""The output of a program changes only its own text on a page."""

import json
from typing import Any, Final

import pytest
import requests
from markupsafe import Markup
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as PlaywrightError

from api_service.web.assets import DIGEST
from api_service.web.visible import visible
from tests.fixtures.up import Up
from tests.hostile_texts import COUNT, hostile_outputs
from tests.waiting import eventually_sync
from tests.web.conftest import NewPage
from tests.web.programs import link_of

pytestmark = [pytest.mark.slow, pytest.mark.security, pytest.mark.timeout(900)]

#: Counts what an output could add to a page, and reads what must stay as it is.
_SHAPE: Final = """() => ({
  elements: Object.fromEntries(
    ["script", "style", "link", "img", "iframe", "object", "form", "input", "base", "meta", "video", "h1"]
      .map(name => [name, document.querySelectorAll(name).length])),
  marks: [...document.querySelectorAll(".output *")].every(
    each => each.matches("span.control") && !each.children.length),
  pwned: "pwned" in window,
  width: document.documentElement.scrollWidth <= window.innerWidth,
  top: document.querySelector(".brand").textContent,
})"""
#: Characters that turn others around, or have no width, in what a reader selects and copies.
_UNSAFE: Final = {
    *map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x2060, 0xFEFF)),
    *map(chr, range(32)),
} - {"\t", "\n"}


@pytest.fixture(scope="module")
def submissions(system: Up) -> list[dict[str, Any]]:
    """Return the submissions of programs that print the hostile outputs, after their end."""
    outputs = hostile_outputs()
    assert len({*outputs}) == len(outputs) == COUNT
    programs = [
        {
            "language": "py",
            "source": f"import sys\nsys.stdout.buffer.write({_expression(output)})\n",
            "email": "a@example.com",
        }
        for output in outputs
    ]
    answer = requests.post(f"{system.url}/v1/batches", json={"submissions": programs, "digest": True}, timeout=60)
    assert answer.status_code == 201, answer.text
    batch = answer.json()
    address = f"{system.url}/v1/batches/{batch['id']}"
    eventually_sync(lambda: requests.get(address, timeout=10).json()["state"] == "finished", 300, what="all have ended")
    return [requests.get(f"{system.url}/v1/submissions/{one}", timeout=10).json() for one in batch["submissions"]]


def _expression(output: bytes) -> str:
    """Return the output as an expression of Python, a short one for a long row of the same bytes."""
    for size in range(1, 40):
        if len(output) > 4000 and output == output[:size] * (len(output) // size):
            return f"{output[:size]!r} * {len(output) // size}"
    return repr(output)


@pytest.mark.parametrize("kind", ["sender", "recipient"])
def test_hostile_outputs_change_nothing_on_a_page(
    new_page: NewPage, submissions: list[dict[str, Any]], locale: str, kind: str
) -> None:
    page = new_page(locale=locale)
    shapes = set()
    for submission in submissions:
        text = submission["run"]["stdout"]
        show(page, submission, kind)
        shapes.add(json.dumps(page.evaluate(_SHAPE)))
        shown = str(page.evaluate("document.querySelector('.output').textContent"))
        assert not _UNSAFE & {*shown}, text[:200]
        length = min(len(shown), 4000)
        assert shown[:length] == plain(text)[:length]
    assert len(shapes) == 1, shapes
    assert json.loads(shapes.pop()) | {"elements": 0, "top": 0} == {
        "elements": 0, "marks": True, "pwned": False, "width": True, "top": 0,
    }  # fmt: skip


def test_heaps_of_accents_stay_within_their_output(new_page: NewPage, submissions: list[dict[str, Any]]) -> None:
    page = new_page(locale="en")
    (heap,) = [one for one in submissions if one["run"]["stdout"].startswith("ก\u0e49\u0e49")]
    page.goto(link_of(heap))
    above = page.locator("h2", has_text="Output")
    before = above.screenshot()
    page.evaluate("document.querySelector('.output').textContent = 'Z'")
    assert before == above.screenshot()


def test_a_browser_makes_no_html_of_a_string(browser: Browser, system: Up) -> None:
    with browser.new_context(base_url=system.url) as context:
        page = context.new_page()
        for address in ("/", "/admin/login", "/problems"):
            page.goto(address)
            with pytest.raises(PlaywrightError, match="requires 'TrustedHTML'"):
                page.evaluate("document.body.innerHTML = '<b>an output</b>'")


def show(page: Page, submission: dict[str, Any], kind: str) -> None:
    page.goto(f"/submissions/{submission['id']}" if kind == "sender" else link_of(submission))
    if kind == "sender":
        expect(page.locator("#status .finished")).to_be_visible()
    expect(page.locator(".output").first).to_be_attached()


def plain(text: str) -> str:
    """Return what the page shows in the place of a text, with its marks, as text."""
    markup = str(visible(text)).replace('<span class="control">', "").replace("</span>", "")
    return str(Markup(markup).unescape())


def test_browser_and_server_mark_the_same_characters(page: Page, system: Up) -> None:
    page.goto("/")
    marked = page.evaluate(
        """async address => {
          const { visible } = await import(address);
          const marked = [];
          for (let code = 0; code <= 0x10ffff; code++) {
            const nodes = visible(String.fromCodePoint(code));
            if (nodes.length && nodes[0].nodeType === 1) marked.push(code);
          }
          return marked;
        }""",
        f"/static/{DIGEST}/visible.js",
    )
    assert marked == [code for code in range(0x110000) if "control" in visible(chr(code))]
