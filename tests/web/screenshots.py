"""`make screenshots` writes `docs/images/`: the pages, and the gallery of mails, as a browser shows them."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import mail_gallery
from tests.fixtures.up import Up, running_system
from tests.web.browsing import Screen
from tests.web.conftest import ARGUMENTS, program_of_the_browser
from tests.web.operation_rows import add_day, add_running_job, execute
from tests.web.programs import post
from tests.web.test_recipient_page import link_of

_FOLDER: Final = Path(__file__).parents[2] / "docs/images"
#: A palette of so many colours is enough for pages, and a third of the bytes.
_COLOURS: Final = 128
_LIGHT: Final = Screen("light", 1200, 760, "light")
_SCREENS: Final = (
    ("light", _LIGHT, "en"),
    ("dark", replace(_LIGHT, colours="dark"), "en"),
    ("phone", Screen("phone", 390, 780, "light"), "en"),
    ("persian", _LIGHT, "fa"),
)
_SOURCE: Final = """def fibonacci():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b


# Print as many of them as the input says.
numbers = fibonacci()
for _ in range(int(input())):
    print(next(numbers))
"""
_BROKEN: Final = (
    '#include <stdio.h>\n\nint main(void)\n{\n    int total = 0;\n    printf("%d\\n", totl);\n    return 0;\n}\n'
)
_TESTS: Final = [
    {"name": name, "stdin": f"{number}\n", "expected_output": expected, "hidden": hidden, "points": points}
    for name, number, expected, hidden, points in (
        ("nothing", 0, "", False, 1),
        ("small", 3, "0\n1\n1\n", False, 2),
        ("wrong on purpose", 5, "0\n1\n1\n2\n4\n", False, 2),
        ("hidden from the recipient", 6, "0\n1\n1\n2\n3\n5\n", True, 5),
    )
]


def main() -> None:
    _FOLDER.mkdir(exist_ok=True)
    for file in _FOLDER.glob("*.png"):
        file.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program_of_the_browser(), args=ARGUMENTS)
        with running_system({}) as system:
            programs: dict[str, dict[str, Any] | None] = {
                "send": None,
                "result": {"language": "py", "source": _SOURCE, "stdin": "10"},
                "error": {"language": "c", "source": _BROKEN},
                "tests": {"language": "py", "source": _SOURCE, "tests": _TESTS},
            }
            for name, body in programs.items():
                for kind, screen, locale in _SCREENS:
                    submission = body and post(system, {**body, "email": "ada@example.com", "locale": locale})
                    for page in _pages(browser, system.url, screen, locale):
                        _show_program(page, submission)
                        _save(page, f"{name}-{kind}")
                        if name == "tests" and submission:
                            page.goto(link_of(submission))
                            _save(page, f"recipient-{kind}")
            _take_operation(browser, system)
        _take_mails(browser)
        browser.close()


def _take_operation(browser: Browser, system: Up) -> None:
    """Write a picture of the operator's overview and of what failed, on each kind of screen."""
    add_day(system)
    execute(
        system,
        "INSERT INTO outbox (queue, body, failure, failed_at)"
        " VALUES ('emails', 'x', 'the body is not a decimal id', now())",
    )
    for number in range(3):
        add_running_job(system, f"student{number}@example.edu")
    for kind, screen, locale in _SCREENS:
        for page in _pages(browser, system.url, screen, locale):
            page.goto("/admin/login")
            page.locator("main .primary").click()
            # The charts have their minutes.
            page.wait_for_load_state("networkidle")
            _save(page, f"admin-{kind}")
            page.goto("/admin/failures")
            _save(page, f"admin-failures-{kind}")


def _pages(browser: Browser, url: str | None, screen: Screen, locale: str) -> Iterator[Page]:
    size: Any = {"width": screen.width, "height": screen.height}
    with browser.new_context(base_url=url, locale=locale, viewport=size, color_scheme=screen.colours) as context:
        yield context.new_page()


def _show_program(page: Page, submission: dict[str, Any] | None) -> None:
    page.goto(f"/submissions/{submission['id']}" if submission else "/")
    expect(page.locator("#version")).not_to_be_empty()
    expect(page.locator(".cm-content")).to_be_visible()
    if submission:
        expect(page.locator("#status .finished")).to_be_visible()
        if (page.viewport_size or {"width": 0})["width"] < 500:
            page.locator("#panel").scroll_into_view_if_needed()
            page.evaluate("document.querySelector('#panel').scrollIntoView()")


def _take_mails(browser: Browser) -> None:
    """Write a picture of each HTML file of the gallery of mails, on each kind of screen."""
    folder = Path(tempfile.mkdtemp(prefix="precieux-mails-"))
    mail_gallery.main(folder)
    for file in sorted(folder.glob("*.html")):
        is_persian = file.stem.endswith("-fa")
        for kind, screen, _ in _SCREENS[:1] if is_persian else _SCREENS[:3]:
            for page in _pages(browser, None, replace(screen, width=min(screen.width, 760)), "en"):
                page.goto(file.as_uri())
                _save(page, f"mail-{file.stem}-{kind}")
    shutil.rmtree(folder)


def _save(page: Page, name: str) -> None:
    path = _FOLDER / f"{name}.png"
    page.screenshot(path=path, caret="initial")
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
