"""Helpers for the tests of the first page, which sends a program."""

import re

from playwright.sync_api import Page, expect


def ready(page: Page) -> None:
    """Open the first page, and return when its editor and languages are there."""
    page.goto("/")
    expect(page.locator("#version")).not_to_be_empty()
    expect(page.locator(".cm-content")).to_be_visible()


def write(page: Page, text: str) -> None:
    """Replace the program in the editor."""
    page.locator(".cm-content").press("ControlOrMeta+a")
    # Typed lines would be indented.
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("ControlOrMeta+v")


def run(page: Page) -> int:
    """Press the button that runs the program, and return the submission's id after its end."""
    page.locator("#run").click()
    return ended(page)


def ended(page: Page) -> int:
    expect(page.locator("#status .finished")).to_be_visible()
    found = re.search(r"/submissions/(\d+)$", page.url)
    assert found
    return int(found[1])


def open_section(page: Page, inside: str) -> None:
    page.locator(f"details:has(#{inside}) > summary").click()


def drop(page: Page, files: dict[str, str], onto: str = "#drop") -> None:
    """Drop files onto the editor or another place, as from a file manager."""
    data = page.evaluate_handle(
        """files => {
          const data = new DataTransfer();
          for (const [name, text] of Object.entries(files)) data.items.add(new File([text], name));
          return data;
        }""",
        files,
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(onto, event, {"dataTransfer": data})
    if onto == "#drop":
        expect(page.locator("#files")).to_be_visible()
