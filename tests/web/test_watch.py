"""Watching a submission on the page: its states, its result, and what can be done with it."""

import re
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.up import Up
from tests.waiting import eventually_sync
from tests.web.browsing import axe_violations, expect_all_can_read, watch
from tests.web.conftest import NewPage
from tests.web.first_page import ready, write
from tests.web.programs import BROKEN, CRASHING, GREETING, SLEEPING, SQUARES, get, link_of, post

pytestmark = pytest.mark.slow

#: The lines of a program that writes to both streams until it is cancelled.
ENDLESS = (
    "import itertools, sys, time",
    "began = time.time()",
    "for number in itertools.count():",
    "    print(began, number, flush=True)",
    "    print('<b>', file=sys.stderr, flush=True)",
    "    time.sleep(0.1)",
)

#: For each line of a block, whether it ends at the right side.
_AT_THE_RIGHT = """block => {
  const range = document.createRange();
  range.selectNodeContents(block);
  const lines = [...range.getClientRects()].filter(line => line.width);
  return lines.map(line => block.getBoundingClientRect().right - line.right < 30);
}"""

WORDS = {
    "en": {"running": "Running", "cancelled": "Cancelled", "ok": "Finished", "wrong": "Wrong answer"},
    "fa": {"running": "در حال اجرا", "cancelled": "لغو شد", "ok": "پایان یافت", "wrong": "پاسخ نادرست"},
}


def test_a_result_shows_output_and_use_of_limits(page: Page, system: Up, locale: str) -> None:
    watch(page, post(system, GREETING))
    expect(page.locator("#status")).to_have_text(WORDS[locale]["ok"])
    expect(page.locator("#result .output")).to_have_text("Hello Ada\n")
    expect(page.locator("#result .usage svg")).to_have_count(3)
    expect(page.locator(".cm-content")).to_contain_text('print("Hello", input())')


def test_a_running_program_is_followed_and_cancelled(page: Page, system: Up, locale: str) -> None:
    submission = post(system, SLEEPING, wait_s=0)
    watch(page, submission)
    expect(page.locator("#status")).to_have_text(WORDS[locale]["running"])
    # A clock goes on, and screen readers do not read each second of it.
    seen = page.locator("#clock").inner_text()
    expect(page.locator("#clock")).not_to_have_text(seen)
    assert axe_violations(page) == []
    page.locator("#cancel").press("Enter")
    expect(page.locator("#status")).to_have_text(WORDS[locale]["cancelled"])
    expect(page.locator("#cancel")).to_be_hidden()
    expect(page.locator("#clock")).to_be_hidden()
    expect(page.locator("#result .sentence")).to_have_text(re.compile("after [0-9.]+ s|پس از [۰-۹٫]+ ثانیه"))
    assert get(system, submission["id"])["state"] == "cancelled"


def test_the_output_so_far_is_shown_and_kept(page: Page) -> None:
    """A run prints lines like no other's. None is printed twice, so those that were seen are there only if kept."""
    ready(page)
    write(page, "\n".join(ENDLESS))
    page.locator("#run").click()
    output = page.locator("#result [data-stream=stdout] .output")
    expect(output).to_be_visible()
    expect(page.locator("#result .output", has_text="<b>")).to_be_visible()
    assert axe_violations(page) == []
    seen = output.inner_text()
    page.reload()
    expect(page.locator("#status .running")).to_be_visible()
    expect(output).to_contain_text(seen)
    page.locator("#cancel").click()
    expect(page.locator("#status .cancelled")).to_be_visible()
    expect(page.locator("#result .output")).to_contain_text(["<b>", seen])
    page.locator("#rerun").click()
    expect(output).to_be_visible()
    expect(output).not_to_contain_text(seen)
    page.locator("#cancel").click()


def test_a_submission_is_run_again(page: Page, system: Up, locale: str) -> None:
    submission = post(system, GREETING)
    watch(page, submission)
    page.locator("#rerun").press("Enter")
    eventually_sync(lambda: get(system, submission["id"])["runs"] == 2, what="it runs again")
    expect(page.locator("#status")).to_have_text(WORDS[locale]["ok"])
    expect(page.locator("#result .facts")).to_contain_text("2" if locale == "en" else "۲")


def test_waiting_programs_see_their_place_move(page: Page, system: Up, locale: str) -> None:
    blocking = [post(system, SLEEPING, wait_s=0) for _ in range(12)]
    last = post(system, SLEEPING, wait_s=0)
    watch(page, last)
    place = page.locator("#status .muted")
    expect(place).to_be_visible()
    before = place.inner_text()
    assert any(digit in before for digit in ("0123456789" if locale == "en" else "۰۱۲۳۴۵۶۷۸۹"))
    for one in blocking[::-1]:
        page.request.post(f"/v1/submissions/{one['id']}/cancel")
    expect(page.locator("#status .running")).to_be_visible()
    page.locator("#cancel").click()
    expect(page.locator("#status .cancelled")).to_be_visible()


@pytest.mark.parametrize(("program", "line"), [(BROKEN, 2), (CRASHING, 2)], ids=["compile error", "traceback"])
def test_the_line_of_an_error_is_marked(page: Page, system: Up, program: dict[str, object], line: int) -> None:
    watch(page, post(system, program))
    marker = page.locator(".cm-gutter-lint .cm-lint-marker-error")
    expect(marker).to_be_visible()
    numbers = page.locator(".cm-lineNumbers .cm-gutterElement", has_text=str(line))
    middle = [box["y"] + box["height"] / 2 for one in (marker, numbers) if (box := one.last.bounding_box())]
    assert abs(middle[0] - middle[1]) < 12
    page.locator("#result .lines button").first.click()
    expect(page.locator(".cm-lineNumbers .cm-activeLineGutter")).to_have_text(str(line))


def test_each_error_of_a_line_has_a_link(page: Page, system: Up) -> None:
    watch(page, post(system, {"language": "c", "source": "int main(void) {\n    return one + two;\n}\n"}))
    page.locator("#result .lines button").nth(1).click()
    page.keyboard.press("Shift+End")
    assert page.evaluate("document.querySelector('#editor').shadowRoot.getSelection().toString()") == "two;"


def test_each_line_goes_in_the_direction_of_its_own_letters(page: Page, system: Up) -> None:
    source = "print('one|two')\nprint('یک خط فارسی ' * 20)\nprint('یک')"
    submission = post(system, {**GREETING, "source": source})
    for address in (f"/submissions/{submission['id']}", link_of(submission)):
        page.goto(address)
        assert page.locator(".output").first.evaluate(_AT_THE_RIGHT) == [False, True, True]


def test_tests_are_shown_with_their_difference(page: Page, system: Up, locale: str) -> None:
    watch(page, post(system, SQUARES))
    expect(page.locator("#status")).to_have_text(WORDS[locale]["wrong"])
    rows = page.locator("#result .tests tbody tr:not(.more)")
    expect(rows).to_have_count(4)
    expect(rows.nth(2).locator(".verdict")).to_have_text(WORDS[locale]["wrong"])
    expect(page.locator("#result .difference").first.locator(".output")).to_have_text(["36", "6"])


def test_the_output_is_downloaded(page: Page, system: Up) -> None:
    watch(page, post(system, {"language": "py", "source": "print('x' * 100000)"}))
    with page.expect_download() as downloading:
        page.locator("#download").click()
    assert Path(downloading.value.path()).read_text() == "x" * 100_000 + "\n"


def test_the_history_is_of_this_browser_and_is_cleared(page: Page, new_page: NewPage, locale: str) -> None:
    page.goto("/")
    expect(page.locator(".cm-content")).to_be_visible()
    page.locator("#run").click()
    expect(page.locator("#status .finished")).to_be_visible()
    address = page.url
    page.goto("/")
    page.locator("#open-history").press("Enter")
    expect(page.locator("#entries li")).to_have_count(1)
    assert axe_violations(page) == []
    page.locator("#entries a").press("Enter")
    page.wait_for_url(address)
    expect(page.locator("#status .finished")).to_be_visible()
    page.locator("#open-history").click()
    page.locator("#clear-history").click()
    expect(page.locator("#entries li")).to_have_count(0)
    page.reload()
    page.locator("#open-history").click()
    expect(page.locator("#entries li")).to_have_count(0)
    other = new_page(locale=locale)
    other.goto("/")
    other.locator("#open-history").click()
    expect(other.locator("#entries li")).to_have_count(0)


def test_a_submission_that_is_not_there_is_refused(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/submissions/987654321")
    # A phone shows the result below the program.
    expect(page.locator("#result .notice")).to_be_in_viewport()


def test_after_a_judge_failed_no_test_counts_as_failed(page: Page, system: Up, locale: str) -> None:
    checker = {"kind": "program", "language": "py", "source": "import sys\nsys.exit(9)\n"}
    watch(page, post(system, {**SQUARES, "checker": checker}))
    expect(page.locator("#status .finished")).to_have_class("verdict muted finished")
    expect(page.locator("#result .tests")).to_be_visible()
    expect(page.locator("#result")).not_to_contain_text("0 of 4" if locale == "en" else "۰ از ۴")


@pytest.mark.parametrize("program", [GREETING, BROKEN, SQUARES], ids=["output", "compile error", "tests"])
def test_all_can_read_results(page: Page, system: Up, program: dict[str, object]) -> None:
    watch(page, post(system, program))
    expect(page.locator("#status .finished")).to_be_visible()
    expect_all_can_read(page)


def test_a_result_is_on_the_screen_within_100_ms(page: Page, system: Up) -> None:
    ready(page)
    page.locator("#run").click()
    expect(page.locator("#status .finished")).to_be_visible()
    delays = []
    for number in range(10):
        page.locator("#stdin").fill(str(number))
        page.evaluate("performance.clearMarks('result')")
        page.locator("#run").click()
        eventually_sync(lambda: page.evaluate("performance.getEntriesByName('result').length"), what="the result")
        shown = page.evaluate("performance.timeOrigin + performance.getEntriesByName('result')[0].startTime")
        submission = get(system, page.evaluate("performance.getEntriesByName('result')[0].detail"))
        delays.append(shown / 1000 - _seconds(submission["run"]["finished_at"]))
    assert sorted(delays)[len(delays) // 2] < 0.1, delays


def test_a_phone_shows_the_result_and_wraps_no_line(new_page: NewPage) -> None:
    page = new_page(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    ready(page)
    expect(page.locator(".for-keyboards")).to_be_hidden()
    page.locator("#language").select_option("c")
    write(page, f"int main(void) {{ return a_name_that_is_not_there + another{'_long' * 12}_name; }}")
    page.locator("#run").click()
    expect(page.locator("#status .bad")).to_be_visible()
    assert page.evaluate("document.querySelector('#panel').getBoundingClientRect().top") == pytest.approx(0, abs=2)
    output = page.locator("#result .output").first
    assert output.evaluate("block => block.scrollWidth > block.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_figures_do_not_contradict_one_another(page: Page, system: Up, locale: str) -> None:
    """The time of all tests is no part of a test's limit, and a test stopped for its use is over the limit."""
    watch(page, post(system, {**SQUARES, "limits": {"cpu_s": 1}}))
    figures = page.locator("#result .usage dd .number")
    words = {"en": (" of ", "over the limit of"), "fa": (" از ", "بیش از حد مجاز")}[locale]
    expect(figures.nth(2)).to_contain_text(words[0])
    for each in (0, 1):
        expect(figures.nth(each)).not_to_contain_text(words[0])
    watch(page, post(system, {"language": "py", "source": "while True: pass", "limits": {"cpu_s": 0.5}}))
    expect(figures.first).to_contain_text(words[1])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
