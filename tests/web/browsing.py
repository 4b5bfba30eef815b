"""Helpers for the tests of pages: faults of a page, axe, and the kinds of screens."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

_AXE: Final = (Path(__file__).parent / "vendor/axe.min.js").read_text()
# Reported to the test through a function that Playwright adds to each page.
_REPORT: Final = """
document.addEventListener("securitypolicyviolation", event => {
  window.reportViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile} ${event.sample}`);
});
"""

#: The addresses that a page has loaded, with the bytes of each on the way.
LOADED: Final = """() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
  .map(entry => [entry.name, entry.transferSize])"""


@dataclass(frozen=True, slots=True)
class Screen:
    """A kind of screen: the size of the window in CSS pixels, and the colours that its user prefers."""

    name: str
    width: int
    height: int
    colours: Literal["light", "dark"]


SCREENS: Final = (
    Screen("light", 1200, 800, "light"),
    Screen("dark", 1200, 800, "dark"),
    Screen("phone", 320, 640, "light"),
)


def watched(context: BrowserContext) -> list[str]:
    """Return the list of the faults of all pages: violations of their policy, errors of scripts and of the console."""
    faults: list[str] = []

    def look_at(message: ConsoleMessage) -> None:
        # A status such as 404 of a call is reported here too, and is not a fault of the page.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            faults.append(f"console: {message.text}")

    context.expose_function("reportViolation", lambda text: faults.append(f"policy: {text}"))
    context.add_init_script(_REPORT)
    context.on("console", look_at)
    context.on("weberror", lambda error: faults.append(f"script: {error.error}"))
    return faults


def axe_violations(page: Page) -> list[str]:
    """Return what axe finds wrong with a page, one line an element."""
    # Evaluated by the debugger, which the page's policy does not bind. Preloading would add inline style sheets.
    page.evaluate(_AXE)
    options = {"resultTypes": ["violations"], "preload": False, "rules": {"target-size": {"enabled": True}}}
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {json.dumps(node['target'])} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def expect_all_can_read(page: Page, *, but: tuple[str, ...] = ()) -> None:
    """Expect that axe finds nothing on any screen, but for these rules, and that no page is wider than its screen."""
    for screen in SCREENS:
        show_on(page, screen)
        found = [violation for violation in axe_violations(page) if not violation.startswith(but)]
        assert found == [], screen.name
        assert page.evaluate("document.documentElement.scrollWidth") <= screen.width, screen.name


def show_on(page: Page, screen: Screen) -> None:
    """Show a page as on this kind of screen."""
    page.set_viewport_size({"width": screen.width, "height": screen.height})
    page.emulate_media(color_scheme=screen.colours)


def watch(page: Page, submission: dict[str, object]) -> None:
    page.goto(f"/submissions/{submission['id']}")
    expect(page.locator("#status .verdict")).to_be_visible()
