"""Pages in a real browser: Debian's Chromium, driven by Playwright, on a system as `precieux up` starts it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.fixtures.gate import missing
from tests.fixtures.up import Up, running_system
from tests.waiting import PATIENCE
from tests.web.browsing import watched

# A busy machine takes longer than Playwright's 5 s.
expect.set_options(timeout=15_000 * PATIENCE)

ARGUMENTS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def program_of_the_browser() -> str | None:
    """Return the path of Chromium, or None if there is none."""
    return os.environ.get("PRECIEUX_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


#: Makes a page of a new profile, with options of Playwright's `new_context`.
NewPage = Callable[..., Page]


# Not for the whole session: while Playwright runs, no other test of the process can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield one browser for the tests of a module; each test has a profile of its own."""
    program = program_of_the_browser()
    if program is None:
        missing("Chromium", "install Debian's package chromium, or set PRECIEUX_TEST_CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def system() -> Iterator[Up]:
    """Yield a running system for the tests of one module."""
    with running_system() as one:
        yield one


@pytest.fixture(params=["en", "fa"])
def locale(request: pytest.FixtureRequest) -> str:
    """Return each locale in turn."""
    return str(request.param)


@pytest.fixture
def new_page(browser: Browser, system: Up) -> Iterator[NewPage]:
    """Return what makes pages. They must violate no policy and log no error."""
    with ExitStack() as open_contexts:
        all_faults: list[list[str]] = []

        def make(**options: Any) -> Page:
            context = open_contexts.enter_context(browser.new_context(base_url=system.url, **options))
            all_faults.append(watched(context))
            return context.new_page()

        yield make
        assert [fault for faults in all_faults for fault in faults] == []


@pytest.fixture
def page(new_page: NewPage, locale: str) -> Page:
    """Return a page of a new profile, in the locale."""
    return new_page(locale=locale)
