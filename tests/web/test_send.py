"""Writing a program on the page, and sending it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.up import Up
from tests.web.browsing import axe_violations
from tests.web.first_page import drop, ended, open_section, ready, run, write
from tests.web.programs import get

pytestmark = pytest.mark.slow


#: Languages of which CodeMirror has no grammar.
WITHOUT_GRAMMAR = {"a68", "adb", "awk", "bas", "bc", "exs", "gprolog", "ll", "prolog", "raku"}


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def tab_to(page: Page, element: str) -> None:
    """Press Tab until the focus is on the element with this id."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused(page) == element:
            return
    raise AssertionError(f"Tab does not lead to #{element}")


def test_a_program_is_sent_by_keyboard_alone(page: Page, system: Up) -> None:
    ready(page)
    tab_to(page, "language")
    page.keyboard.type("cc")  # the second language that begins with it
    tab_to(page, "editor")
    page.keyboard.press("Control+a")
    page.keyboard.type('int puts(const char *); int main(void) { puts("by keyboard"); }')
    # Tab indents in the editor; after Escape it leaves it.
    page.keyboard.press("Escape")
    tab_to(page, "stdin")
    page.keyboard.type("not read")
    page.keyboard.press("Control+Enter")
    submission = get(system, ended(page))
    assert (submission["language"], submission["run"]["stdout"]) == ("c", "by keyboard\n")
    expect(page.locator("#result .output")).to_have_text("by keyboard\n")
    assert focused(page) == "stdin"


def test_control_enter_in_the_editor_runs(page: Page) -> None:
    ready(page)
    write(page, "print(6 * 7)")
    page.keyboard.press("Control+Enter")
    ended(page)
    expect(page.locator("#result .output")).to_have_text("42\n")
    expect(page.locator("#result .facts")).to_contain_text(re.compile(r"Python 3\.\d+"))


def test_what_was_written_is_not_replaced_by_a_sample(page: Page) -> None:
    ready(page)
    write(page, "puts 1")
    page.locator("#language").select_option("js")
    expect(page.locator(".cm-content")).to_have_text("puts 1")


def test_each_language_with_a_grammar_has_colours(page: Page) -> None:
    ready(page)
    codes = page.locator("#language option").evaluate_all("options => options.map(option => option.value)")
    for code in [code for code in codes if code not in WITHOUT_GRAMMAR]:
        page.locator("#language").select_option(code)
        page.locator("#sample").click()
        # A token with a colour is a span with a class.
        expect(page.locator(".cm-line span[class]").first).to_be_visible()


def test_main_is_the_file_that_runs_unless_another_is_chosen(page: Page, system: Up) -> None:
    ready(page)
    drop(page, {"words.py": "print('words')\n", "main.py": "print('main')\n"})
    assert get(system, run(page))["entry"] == "main.py"
    page.locator("#files .tab", has_text="words.py").click()
    assert axe_violations(page) == []
    page.locator("#files .current button", has_text=re.compile("run this|اجرا کن")).click()
    assert axe_violations(page) == []
    page.locator("#run").click()
    expect(page.locator("#result .output")).to_have_text("words\n")


def test_files_are_added_and_renamed(page: Page, system: Up) -> None:
    ready(page)
    write(page, "import words\n")
    page.locator("#add-file").press("Enter")
    page.keyboard.type("word")
    page.keyboard.press("Enter")
    expect(page.locator("#files .tab")).to_have_text(["main.py", "word.py"])
    write(page, "print('of a new file')\n")
    page.locator("#files .current button[aria-label*=word]").nth(1).click()
    expect(page.locator("#files input")).to_be_focused()
    page.keyboard.type("words.py")
    assert axe_violations(page) == []
    page.keyboard.press("Enter")
    submission = get(system, run(page))
    assert (submission["entry"], submission["run"]["stdout"]) == ("main.py", "of a new file\n")


def test_undoing_stays_within_its_file(page: Page) -> None:
    ready(page)
    drop(page, {"main.py": "one\n", "other.py": "two\n"})
    write(page, "changed")
    page.locator("#files .tab", has_text="other.py").click()
    page.locator(".cm-content").press("ControlOrMeta+z")
    expect(page.locator(".cm-content")).to_have_text("two")
    page.locator("#files .tab", has_text="main.py").click()
    page.locator(".cm-content").press("ControlOrMeta+z")
    expect(page.locator(".cm-content")).to_have_text("one")


def test_what_is_too_large_is_not_taken(page: Page) -> None:
    ready(page)
    drop(page, {"big.txt": "x" * (3 << 20)})
    expect(page.locator("#too-large")).to_contain_text("big.txt")
    expect(page.locator("#too-large")).to_contain_text(re.compile("3 MiB|۳ مبی‌بایت"))
    expect(page.locator("#files .tab")).to_have_text(["main.py"])


def test_an_empty_program_is_not_sent(page: Page) -> None:
    ready(page)
    write(page, " ")
    page.locator("#run").click()
    expect(page.locator("#result .notice")).to_have_text(re.compile("Write a program first|برنامه‌ای بنویسید"))


def test_a_dropped_file_chooses_its_language(page: Page, system: Up) -> None:
    ready(page)
    drop(page, {"main.js": "console.log(7)\n"})
    submission = get(system, run(page))
    assert (submission["language"], submission["run"]["stdout"]) == ("js", "7\n")


def test_chosen_files_that_are_no_text_are_sent_as_they_are(page: Page, system: Up, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print(open('data.bin', 'rb').read())\n")
    (tmp_path / "data.bin").write_bytes(b"\x00\xff")
    ready(page)
    page.locator("input#file").set_input_files([tmp_path / "main.py", tmp_path / "data.bin"])
    page.locator("#files .tab", has_text="data.bin").click()
    expect(page.locator("#not-text")).to_contain_text("data.bin")
    assert get(system, run(page))["run"]["stdout"] == "b'\\x00\\xff'\n"


def test_tests_are_written_in_a_table(page: Page, system: Up) -> None:
    ready(page)
    write(page, "print(int(input()) ** 2)\n")
    open_section(page, "add-test")
    for row, (stdin, expected) in enumerate((("2", "4"), ("3", "8"))):
        page.locator("#add-test").click()
        page.locator("#tests textarea").nth(2 * row).fill(stdin)
        page.locator("#tests textarea").nth(2 * row + 1).fill(expected)
    page.locator("#tests input").nth(1).check()
    submission = get(system, run(page))
    assert [test["verdict"] for test in submission["run"]["tests"]] == ["accepted", "wrong_answer"]
    assert [test["hidden"] for test in submission["run"]["tests"]] == [False, True]
    assert submission["verdict"] == "wrong_answer"


def test_the_mail_is_in_the_language_of_the_page(page: Page, system: Up, locale: str) -> None:
    ready(page)
    open_section(page, "email")
    page.locator("#email").fill("ada@example.com")
    submission = get(system, run(page))
    assert (submission["email"], submission["locale"]) == ("ada@example.com", locale)


def test_a_fault_is_shown_at_its_field(page: Page) -> None:
    ready(page)
    open_section(page, "cpu_s")
    page.locator("#cpu_s").fill("100000")
    page.locator("#run").click()
    expect(page.locator("#cpu_s")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#cpu_s")).to_be_focused()
    expect(page.locator("#result .notice")).to_contain_text("limits.cpu_s")


def test_the_switch_of_language_keeps_what_was_written(page: Page, locale: str) -> None:
    ready(page)
    write(page, "print('kept')")
    page.locator("#stdin").fill("kept too")
    page.locator(f"a[hreflang={'en' if locale == 'fa' else 'fa'}]").click()
    expect(page.locator("html")).not_to_have_attribute("lang", locale)
    expect(page.locator(".cm-content")).to_have_text("print('kept')")
    expect(page.locator("#stdin")).to_have_value("kept too")
