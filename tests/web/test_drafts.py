"""Drafts, opened submissions and links keep what was written."""

import base64
import json
import zlib
from typing import Any, Final

import pytest
import requests
from playwright.sync_api import Page, Request, expect

from tests.fixtures.up import Up
from tests.problem_packages import pack
from tests.web.browsing import axe_violations
from tests.web.conftest import NewPage
from tests.web.first_page import drop, open_section, ready, run, write
from tests.web.programs import GREETING, get, link_of, post

pytestmark = pytest.mark.slow

#: A submission with all that the form has.
_WHOLE: Final[dict[str, Any]] = {
    "language": "py",
    "files": [
        {"path": "numbers_of.py", "content": "square = lambda n: n * n\n"},
        {
            "path": "main.py",
            "content": "import sys, numbers_of\nprint(numbers_of.square(int(input())), *sys.argv[1:])\n",
        },
        {"path": "data.bin", "content": "AAH/", "encoding": "base64"},
    ],
    "entry": "main.py",
    "checker": {"kind": "tokens"},
    "limits": {"cpu_s": 1.5, "memory_bytes": 96 << 20, "processes": 9},
    "stop_at_first_failure": True,
    "tests": [
        {"stdin": "2", "args": ["a", "b c"], "expected_output": "4 a b c", "name": "first", "points": 3},
        {"stdin": "3", "args": ["a", "b c"], "expected_output": "9 a b c", "hidden": True},
    ],
}
_KEPT: Final = (
    "language", "entry", "files", "args", "compiler_args", "limits", "checker", "stop_at_first_failure",
)  # fmt: skip


def sent_again(page: Page, system: Up) -> dict[str, Any]:
    """Run what the page shows, and return the new submission."""
    before = page.url
    page.locator("#run").click()
    page.wait_for_url(lambda address: address != before and "/submissions/" in address)
    expect(page.locator("#status .finished")).to_be_visible()
    return get(system, int(page.url.rpartition("/")[2]))


def expect_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert {name: one[name] for name in _KEPT} == {name: other[name] for name in _KEPT}
    tests = [
        [{name: test[name] for name in ("name", "hidden", "points", "verdict")} for test in each["run"]["tests"]]
        for each in (one, other)
    ]
    assert tests[0] == tests[1]


def test_a_submission_that_is_opened_is_whole(page: Page, system: Up) -> None:
    submission = post(system, _WHOLE)
    assert submission["verdict"] == "accepted"
    page.goto(f"/submissions/{submission['id']}")
    expect(page.locator("#status .finished")).to_be_visible()
    expect(page.locator("#tests textarea").nth(2)).to_have_value("3")
    expect(page.locator("#args")).to_have_value("a\nb c")
    expect(page.locator("#cpu_s")).to_have_value("1.5")
    expect_the_same(sent_again(page, system), submission)


def test_the_input_of_a_submission_that_is_opened_is_there(page: Page, system: Up) -> None:
    submission = post(system, {**GREETING, "args": ["x"]})
    page.goto(f"/submissions/{submission['id']}")
    expect(page.locator("#stdin")).to_have_value("Ada")
    assert sent_again(page, system)["run"]["stdout"] == "Hello Ada\n"


def test_a_submission_judged_by_a_program_keeps_its_judge(page: Page, system: Up) -> None:
    judge = {"language": "py", "source": "import sys\nprint(7, flush=True)\nsys.exit(42 if input() == '14' else 43)\n"}
    submission = post(system, {"language": "py", "source": "print(2 * int(input()))\n", "interactor": judge})
    assert submission["verdict"] == "accepted"
    page.goto(f"/submissions/{submission['id']}")
    expect(page.locator("#judge-unsent")).to_be_visible()
    expect(page.locator(".cm-content").first).to_contain_text("print(2 * int(input()))")


def test_a_submission_to_a_task_is_sent_to_it_again(page: Page, system: Up) -> None:
    package = pack({"problem.yaml": "name: Twice\n", "data/secret/1.in": "2\n", "data/secret/1.ans": "4\n"})
    headers = {"Content-Type": "application/zip"}
    stored = requests.put(f"{system.url}/v1/problems/twice", package.read(), headers=headers, timeout=10)
    assert stored.ok, stored.text
    task = f"twice@{stored.json()['version']}"
    sent = {"source": "print(input())\n", "problem": "twice", "email": "a@example.com"}
    submission = post(system, {"language": "py", **sent})
    page.goto(f"/submissions/{submission['id']}")
    expect(page.locator("#of-task")).to_contain_text(task)
    # It gives no points, so its groups say nothing more.
    for address in (page.url, link_of(submission)):
        page.goto(address)
        expect(page.locator(".tests th[scope=col]")).to_have_count(4)
        expect(page.locator(".result > .sentence").last).not_to_contain_text("·")
    page.go_back()
    expect(page.locator("#stdin, #add-test, #args")).to_have_count(3)
    for field in page.locator("#stdin, #add-test, #args").all():
        expect(field).to_be_hidden()
    assert axe_violations(page) == []
    write(page, "print(2 * int(input()))\n")
    again = sent_again(page, system)
    assert (again["problem"], again["verdict"]) == (task, "accepted")
    page.goto("/")
    expect(page.locator("#of-task")).to_be_hidden()


def test_a_reload_keeps_all_that_was_written(page: Page, system: Up) -> None:
    ready(page)
    drop(page, {"main.py": "import other\n", "other.py": "old\n"})
    page.locator("#files .tab", has_text="other.py").click()
    write(page, "import sys\nprint(input(), sys.argv[1:])\n")
    page.locator("#stdin").fill("read")
    open_section(page, "args")
    page.locator("#args").fill("one\ntwo")
    page.locator("#memory_mib").fill("64")
    page.reload()
    submission = get(system, run(page))
    assert submission["run"]["stdout"] == "read ['one', 'two']\n"
    assert submission["limits"]["memory_bytes"] == 64 << 20
    # So does one after the run, with what was written since.
    write(page, "print('since')\n")
    page.reload()
    expect(page.locator("#files .tab")).to_have_text(["main.py", "other.py"])
    page.locator("#files .tab", has_text="main.py").click()
    write(page, "print('after the reload')\n")
    page.goto("/")
    expect(page.locator(".cm-content")).to_have_text("print('after the reload')")
    expect(page.locator("#args")).to_have_value("one\ntwo")


def test_what_was_begun_survives_a_look_at_another_submission(page: Page, system: Up) -> None:
    other = post(system, GREETING)
    ready(page)
    write(page, "print('begun')")
    page.goto(f"/submissions/{other['id']}")
    expect(page.locator(".cm-content")).to_contain_text("Hello")
    write(page, "print('an attempt')")
    page.go_back()
    expect(page.locator(".cm-content")).to_have_text("print('begun')")
    page.go_forward()
    expect(page.locator(".cm-content")).to_have_text("print('an attempt')")
    run(page)
    page.goto("/")
    expect(page.locator(".cm-content")).to_have_text("print('begun')")


def test_going_back_shows_each_program_as_it_was_sent(page: Page) -> None:
    ready(page)
    for text in ("print(1)", "print(2)"):
        write(page, text)
        page.locator("#run").click()
        expect(page.locator("#result .output")).to_have_text(f"{text[6]}\n")
    page.go_back()
    expect(page.locator("#result .output")).to_have_text("1\n")
    expect(page.locator(".cm-content")).to_have_text("print(1)")


def test_a_link_holds_the_whole_program(page: Page, new_page: NewPage, system: Up, locale: str) -> None:
    submission = post(system, {**_WHOLE, "email": "ada@example.com"})
    page.goto(f"/submissions/{submission['id']}")
    expect(page.locator("#status .finished")).to_be_visible()
    page.locator("#share").press("Enter")
    expect(page.locator("#share-link")).to_be_focused()
    assert axe_violations(page) == []
    link = page.locator("#share-link").input_value()
    other = new_page(locale=locale)
    requests: list[Request] = []
    other.on("request", lambda request: requests.append(request))
    other.goto(link)
    expect(other.locator("#files .tab")).to_have_text(["numbers_of.py", "main.py", "data.bin"])
    expect(other.locator("#status .verdict")).to_have_count(0)
    assert len(requests) > 5
    assert not [request.url for request in requests if link.partition("=")[2] in request.url or request.post_data]
    again = sent_again(other, system)
    expect_the_same(again, submission)
    assert again["email"] is None


def link_with(content: object) -> str:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(json.dumps(content).encode()) + packer.flush()
    return "/#program=" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


@pytest.mark.parametrize(
    "link",
    ["/#program=AAAA", "/#program=%", link_with(None), link_with({"files": [None]}), link_with("x" * (9 << 20))],
    ids=["no archive", "no base64", "null", "no files", "a bomb"],
)
def test_a_damaged_link_says_so(page: Page, link: str) -> None:
    page.goto(link)
    expect(page.locator("#result .notice")).to_be_visible()


def test_a_link_of_a_stranger_fills_in_texts_alone(page: Page) -> None:
    markup = "</textarea><img src=x onerror=alert(1)>"
    content = {
        "fields": {"email": "victim@example.com", "stdin": markup, "language": markup, "checker": markup},
        "files": [{"path": markup, "content": markup}],
        "tests": [{"stdin": markup, "rest": markup}],
        "rest": {"webhook_url": "http://evil.example", "limits": markup},
    }
    page.goto(link_with(content))
    expect(page.locator(".tab code")).to_have_text([markup])
    expect(page.locator(".cm-content")).to_have_text(markup)
    expect(page.locator("#email")).to_have_value("")
    assert page.locator("img").count() == 0
    assert axe_violations(page) == []
