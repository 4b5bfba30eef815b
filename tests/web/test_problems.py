"""Problems in the browser: a link that a teacher gives to a class, the list, statements, samples, and submissions."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.fixtures.contract import precieux
from tests.fixtures.up import SETTINGS, Up, running_system
from tests.problem_packages import pack
from tests.web.browsing import LOADED, expect_all_can_read
from tests.web.conftest import NewPage
from tests.web.first_page import write

pytestmark = pytest.mark.slow

KEY: Final = "a-key-of-the-operator-of-this-server-0123456789"
SECRET: Final = "271828"
SOLUTION: Final = "print(sum(map(int, input().split())))"
TITLES: Final = {"en": "Sum of two", "fa": "جمع دو عدد"}


def _png() -> bytes:
    """Return a picture of 2 x 1 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0\xff")) + chunk(b"IEND", b"")
    )


SUM: Final[dict[str, str | bytes]] = {
    "problem.yaml": f"problem_format_version: 2025-09\nuuid: 5e7a\nname: {{en: {TITLES['en']}, fa: {TITLES['fa']}}}\n",
    "statement/problem.en.md": "Add $a$ and $b$.\n\n## Input\n\n$$1 \\le a, b \\le 10^9$$\n\n![Two](img/two.png)\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "statement/problem.fa.md": "دو عدد را جمع کنید.\n",
    "statement/img/two.png": _png(),
    "data/sample/1.in": "1 2\n",
    "data/sample/1.ans": "3\n",
    "data/secret/1.in": f"{SECRET} 1\n",
    "data/secret/1.ans": f"{int(SECRET) + 1}\n",
}
HOSTILE: Final[dict[str, str | bytes]] = {
    "problem.yaml": 'name: "</title><script>report()</script>\\u202eevil"\n',
    "problem_statement/problem.html": "<title>x</title><style>*{display:none}</style><h2>Read</h2>"
    "<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"
    '<img src="http://example.com/x.png"><img src="../data/secret/1.in"><iframe src="/"></iframe>'
    '<form action="/send"><input name=key><button>b</button></form><svg onload="document.title=1"></svg>'
    '<p id="content" class="skip" style="position:fixed;inset:0">text</p><a href="javascript:document.title=1">a</a>'
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    "data/sample/1.in": "</pre><script>document.title='pwned'</script>\u202e1\n",
    "data/sample/1.ans": "<img src=x onerror=\"document.title='pwned'\">\n",
    "data/secret/1.in": f"{SECRET}\n",
    "data/secret/1.ans": f"{SECRET}\n",
}


def push(system: Up, name: str, files: dict[str, str | bytes]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "package": ("p.zip", pack(files).getvalue()),
        "problem": (None, '{"visibility": "shared"}'),
    }
    answer = requests.put(
        f"{system.url}/v1/problems/{name}",
        files=parts,
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=60,
    )
    assert answer.status_code in (200, 201), answer.text
    problem: dict[str, Any] = answer.json()
    return problem


@pytest.fixture(scope="module")
def system() -> Iterator[Up]:
    """Yield a system with problems that wants an API key."""
    with running_system({**SETTINGS, "PRECIEUX_API_KEYS": KEY}) as one:
        push(one, "sum", SUM)
        push(one, "hostile", HOSTILE)
        yield one


@pytest.fixture
def link(system: Up) -> str:
    """Return the path of a link to the problem, with the key of a new class."""
    made = precieux(
        system.data_dir, "keys", "create", "Class", "--link", "--problem", "sum", "--run-seconds", 600,
        "--until", "2100-01-01", "--url", system.url,
    )  # fmt: skip
    return str(made["link"]).removeprefix(system.url)


def submit(page: Page) -> None:
    page.locator("#run").click()
    expect(page.locator("#status .finished")).to_be_visible()


def test_a_link_leads_to_an_accepted_program_on_a_phone(new_page: NewPage, link: str, locale: str) -> None:
    page = new_page(locale=locale, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.goto(link)
    expect(page.locator("h1")).to_contain_text(TITLES[locale])
    assert "key" not in page.url
    expect(page.locator(".statement")).to_contain_text({"en": "Add", "fa": "جمع"}[locale])
    expect(page.locator("h1 .verdict")).to_be_hidden()
    expect(page.locator("#stdin")).to_be_visible()
    write(page, SOLUTION)
    submit(page)
    expect(page.locator("#status .verdict.good")).to_be_visible()
    expect(page.locator("h1 .verdict")).to_be_visible()
    expect(page.locator("#own li")).to_have_count(1)
    expect_all_can_read(page)
    page.reload()
    expect(page.locator("#status .verdict.good")).to_be_visible()
    expect(page.locator("h1")).to_contain_text(TITLES[locale])
    assert SECRET not in page.locator("html").inner_text()


def test_the_statement_has_formulas_tables_and_pictures(page: Page, link: str, locale: str) -> None:
    page.goto(link)
    expect(page.locator(".statement")).to_be_visible()
    if locale == "en":
        assert page.locator(".statement math").count() == 3
        assert page.locator(".statement td").all_inner_texts() == ["1", "2"]
        expect(page.locator(".statement img")).to_have_js_property("naturalWidth", 2)
    expect_all_can_read(page)


def test_the_program_runs_on_a_sample_and_on_an_own_input(new_page: NewPage, link: str) -> None:
    page = new_page(locale="en")
    page.goto(link)
    page.locator("[data-copy]").first.click()
    expect(page.locator("#stdin")).to_have_value("1 2\n")
    write(page, SOLUTION)
    page.locator("[data-run]").click()
    expect(page.locator("#status .finished")).to_be_visible()
    expect(page.locator("#result .output").first).to_have_text("3\n")
    page.locator("#stdin").fill("20 22")
    page.locator("#run-input").click()
    expect(page.locator("#result .output").first).to_have_text("42\n")
    expect(page.locator("#own li")).to_have_count(0)
    # What was sent is shown again, with the input; the program still is that of the problem.
    page.reload()
    expect(page.locator("#stdin")).to_have_value("20 22")
    submit(page)
    expect(page.locator("#own li")).to_have_count(1)
    page.go_back()
    expect(page.locator("#result .output").first).to_have_text("42\n")
    page.locator("#own a").click()
    expect(page.locator("#status")).to_contain_text("Accepted")


def test_those_who_share_a_key_see_their_own(new_page: NewPage, link: str) -> None:
    ada, alan = new_page(locale="en"), new_page(locale="en")
    ada.goto(link)
    expect(ada.locator(".statement")).to_be_visible()
    write(ada, SOLUTION)
    submit(ada)
    for page, count in ((ada, 1), (alan, 0)):
        page.goto(link)
        expect(page.locator("#own-title")).to_be_visible()
        expect(page.locator("#own li")).to_have_count(count)
        page.goto("/problems")
        expect(page.locator("[data-solved=sum]")).to_be_visible(visible=count == 1)
        page.locator(".problems a", has_text="Sum").click()
        expect(page.locator("h1 .verdict")).to_be_visible(visible=count == 1)


def test_the_list_asks_for_a_key_and_knows_what_is_solved(page: Page, system: Up, locale: str) -> None:
    made = precieux(system.data_dir, "keys", "create", "Ada")
    page.goto("/problems")
    expect_all_can_read(page)
    for key in ("wrong", made["key"]):
        page.locator("#page-key").fill(key)
        page.keyboard.press("Enter")
        if key == "wrong":
            expect(page.locator("#page-key-refused")).to_be_visible()
    expect(page.locator(".problems li")).to_have_count(2)
    expect(page.locator("[data-solved=sum]")).to_be_hidden()
    body = {"language": "py", "source": SOLUTION, "problem": "sum"}
    headers = {"Authorization": f"Bearer {made['key']}"}
    sent = requests.post(f"{system.url}/v1/submissions?wait=30", json=body, headers=headers, timeout=60).json()
    assert sent["verdict"] == "accepted"
    page.reload()
    expect(page.locator("[data-solved=sum]")).to_be_visible()
    expect_all_can_read(page)
    page.locator(".problems a", has_text=TITLES[locale]).press("Enter")
    expect(page.locator("#own a")).to_have_attribute("href", f"#submission={sent['id']}")


@pytest.mark.parametrize("wrong", ["/problems#key=wrong", "/problems/sum#key=wrong"])
def test_a_wrong_link_leaves_a_persons_own_key_alone(page: Page, system: Up, wrong: str) -> None:
    made = precieux(system.data_dir, "keys", "create", "Alan")
    page.goto("/problems")
    page.locator("#page-key").fill(made["key"])
    page.keyboard.press("Enter")
    expect(page.locator(".problems li")).to_have_count(2)
    page.goto("/")
    page.goto(wrong)
    expect(page.locator("#page-key-refused, #key-refused").first).to_be_visible()
    page.goto("/problems")
    expect(page.locator(".problems li")).to_have_count(2)


def test_without_scripts_forms_lead_to_the_result(new_page: NewPage, link: str, locale: str) -> None:
    page = new_page(locale=locale, java_script_enabled=False)
    path, _, key = link.partition("#key=")
    page.goto("/problems")
    page.locator("#page-key").fill(key)
    page.locator("#key-form button").click()
    expect(page.locator(".problems li")).to_have_count(2)
    page.goto(path)
    page.locator("#page-key").fill(key)
    page.locator("#key-form button").click()
    expect(page.locator("h1")).to_contain_text(TITLES[locale])
    expect(page.locator(".sample pre").first).to_have_text("1 2\n")
    for hidden in ("[data-copy]", "#stdin", "[name=test_stdin]", "#args"):
        expect(page.locator(hidden).first).to_be_hidden()
    page.locator("#source").fill(SOLUTION)
    page.locator("#plain-key").fill(key)
    page.locator("#program .run button").click()
    page.wait_for_url("**/pages/*")
    expect(page.locator("h1 .verdict.good")).to_be_visible()


def test_a_hostile_package_changes_nothing(new_page: NewPage, link: str) -> None:
    page = new_page(locale="en")
    page.goto(link.replace("/sum#", "/hostile#"))
    expect(page.locator(".statement")).to_contain_text("Read")
    expect(page.locator("h1")).to_contain_text("</title><script>report()</script>U+202Eevil")
    expect(page.locator(".sample pre").first).to_contain_text("</pre><script>")
    expect(page.locator(".sample pre").first).to_contain_text("U+202E1")
    assert page.locator(".statement :is(script, style, iframe, form, input, svg, [style], [id], [class])").count() == 0
    assert page.locator("#content").count() == 1
    assert page.locator(".statement img[src]").count() == 0
    assert page.locator(".statement a[href]").count() == 0
    assert "pwned" not in page.title()
    assert SECRET not in page.content()
    expect(page.locator(".statement h2")).to_be_visible()


def test_the_first_load_of_a_problem_is_under_230_kb(new_page: NewPage, link: str) -> None:
    page = new_page()
    page.goto(link)
    expect(page.locator(".statement img")).to_have_js_property("naturalWidth", 2)
    expect(page.locator(".cm-content")).to_be_visible()
    loaded = page.evaluate(LOADED)
    assert all(size for _, size in loaded), loaded
    assert sum(size for _, size in loaded) < 230_000, loaded


@pytest.mark.parametrize("fragment", ["not-found", ""])
def test_the_address_of_a_kind_of_problem_shows_it(new_page: NewPage, fragment: str) -> None:
    page = new_page()
    page.goto(f"/problems#{fragment}")
    expect(page.locator("#not-found")).to_be_visible(visible=bool(fragment))
    if fragment:
        expect(page.locator("#not-found")).to_be_in_viewport()
