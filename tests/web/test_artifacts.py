"""Files that a program wrote to `out/`, on the pages of the sender and of the recipient."""

from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.up import Up
from tests.web.browsing import SCREENS, axe_violations, show_on, watch
from tests.web.programs import Body, post

pytestmark = pytest.mark.slow

_HOSTILE_NAME: Final = '"><img src=x onerror=alert(1)>.png'
#: Writes an image of three by two pixels under a hostile name, a picture with a script, a page, and a link.
_WRITES: Final[Body] = {
    "language": "py",
    "source": f"""
import os, struct, zlib
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
with open('out/' + {_HOSTILE_NAME!r}, 'wb') as file:
    file.write(b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 3, 2, 8, 0, 0, 0, 0))
        + chunk(b'IDAT', zlib.compress(b'\\0abc\\0def')) + chunk(b'IEND', b''))
script = '<script>alert(1)</script>'
open('out/page.html', 'w').write(script)
open('out/picture.svg', 'w').write(f'<svg xmlns="http://www.w3.org/2000/svg">{{script}}</svg>')
os.symlink('/etc/passwd', 'out/link')
""",
    "email": "ada@example.com",
}
_LEFT_OUT: Final = {"en": "not regular files", "fa": "پوشه، پیوند یا پروندهٔ ویژه"}


def _expect_files(page: Page, locale: str) -> None:
    """Expect three files, of which only the image is shown, in its own size and with its name."""
    expect(page.locator(".files li")).to_have_count(3)
    image = page.locator(".files img")
    expect(image).to_have_count(1)
    expect(image).to_have_attribute("alt", _HOSTILE_NAME)
    expect(image).to_have_js_property("naturalWidth", 3)
    expect(page.locator(".text .hint").filter(has_text=_LEFT_OUT[locale])).to_have_count(1)
    assert axe_violations(page) == []


@pytest.fixture(scope="module")
def submission(system: Up) -> dict[str, object]:
    return post(system, _WRITES)


def test_the_senders_page_shows_images_and_saves_files(page: Page, submission: dict[str, object], locale: str) -> None:
    for screen in SCREENS:
        show_on(page, screen)
        watch(page, submission)
        _expect_files(page, locale)
    with page.expect_download() as saved:
        page.locator(".files button").filter(has_text="page.html").press("Enter")
    assert saved.value.suggested_filename == "page.html"
    assert saved.value.path().read_text() == "<script>alert(1)</script>"
