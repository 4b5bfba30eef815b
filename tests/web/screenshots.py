"""`make screenshots` writes `docs/images/`: the pages, and the gallery of mails, as a browser shows them.

The operator's pages are taken only with `--data-dir`, because their charts show what a system did for an hour.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import mail_gallery
from tests.fixtures.up import running_system
from tests.web.browsing import Screen
from tests.web.conftest import ARGUMENTS, program_of_the_browser
from tests.web.hour import KEY, busy_system
from tests.web.programs import link_of, post

_FOLDER: Final = Path(__file__).parents[2] / "docs/images"
#: A palette of the commonest colours, which are those of surfaces, and of some that differ most, is enough for pages,
#: and a third of the bytes.
_COMMON_COLOURS: Final = 16
_OTHER_COLOURS: Final = 16
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
_BROKEN: Final = """#include <stdio.h>

int main(void)
{
    int total = 0;
    for (int n = 1; n <= 10; n++)
        total += n
    printf("%d\\n", total);
    return 0;
}
"""
#: Right for most years.
_LEAP_YEAR: Final = """# Say whether a year has 366 days.
year = int(input())

if year % 4 == 0 and year % 100 != 0:
    print(year, "is a leap year")
else:
    print(year, "is a common year")
"""
_TESTS: Final = [
    {
        "name": name,
        "stdin": f"{year}\n",
        "expected_output": f"{year} is a {kind} year\n",
        "hidden": hidden,
        "points": points,
    }
    for name, year, kind, hidden, points in (
        ("common", 2026, "common", False, 1),
        ("leap", 2024, "leap", False, 2),
        ("400th", 2000, "leap", False, 3),
        ("100th", 1900, "common", True, 4),
    )
]


def main() -> None:
    """Take all pictures, or those of the operator's pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="take the operator's pages, of a busy system in this folder")
    parser.add_argument("--minutes", type=float, default=60, help="for how long it is busy before (default: 60)")
    chosen = parser.parse_args()
    _FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program_of_the_browser(), args=ARGUMENTS)
        if chosen.data_dir:
            _take_operation(browser, chosen.data_dir, chosen.minutes)
        else:
            _take_programs(browser)
            _take_mails(browser)
        browser.close()


def _take_programs(browser: Browser) -> None:
    """Write a picture of the page, of results, and of the recipient's page, on each kind of screen."""
    programs: dict[str, dict[str, Any] | None] = {
        "send": None,
        "result": {"language": "py", "source": _SOURCE, "stdin": "10"},
        "error": {"language": "c", "source": _BROKEN},
        "tests": {"language": "py", "source": _LEAP_YEAR, "tests": _TESTS},
    }
    with running_system({}) as system:
        for name, body in programs.items():
            for kind, screen, locale in _SCREENS:
                submission = body and post(system, {**body, "email": "ada@example.com", "locale": locale})
                for page in _pages(browser, system.url, screen, locale):
                    _show_program(page, submission)
                    _save(page, f"{name}-{kind}")
                    if name == "tests" and submission:
                        page.goto(link_of(submission))
                        _save(page, f"recipient-{kind}")


def _take_operation(browser: Browser, folder: Path, minutes: float) -> None:
    """Write a picture of the operator's overview and of what failed, on each kind of screen."""
    with busy_system(folder) as system:
        time.sleep(minutes * 60)
        for kind, screen, locale in _SCREENS:
            for page in _pages(browser, system.url, screen, locale):
                page.goto("/admin/login")
                page.locator("#key").fill(KEY)
                page.locator("main .primary").click()
                page.locator("#span [data-seconds='3600']").click()
                # The charts have their minutes.
                page.wait_for_load_state("networkidle")
                charts = page.locator(".chart" if kind == "phone" else ".charts").first.bounding_box()
                assert charts
                page.set_viewport_size({"width": screen.width, "height": round(charts["y"] + charts["height"]) + 12})
                _save(page, f"admin-{kind}")
                page.set_viewport_size({"width": screen.width, "height": screen.height})
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
    for picture in _FOLDER.glob("mail-*.png"):
        picture.unlink()
    folder = Path(tempfile.mkdtemp(prefix="precieux-mails-"))
    mail_gallery.main(folder)
    for file in sorted(folder.glob("*.html")):
        is_persian = file.stem.endswith("-fa")
        for kind, screen, _ in _SCREENS[:1] if is_persian else _SCREENS[:3]:
            for page in _pages(browser, None, replace(screen, width=min(screen.width, 640), height=200), "en"):
                page.goto(file.as_uri())
                _save(page, f"mail-{file.stem}-{kind}", is_whole=True)
    shutil.rmtree(folder)


def _save(page: Page, name: str, *, is_whole: bool = False) -> None:
    path = _FOLDER / f"{name}.png"
    page.screenshot(path=path, caret="initial", full_page=is_whole)
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    counts: Any = picture.getcolors(picture.width * picture.height)
    common = [part for _, colour in sorted(counts, reverse=True)[:_COMMON_COLOURS] for part in colour]
    others = picture.quantize(_OTHER_COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(common + others)
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
