"""The links of the page are right wherever it is, also below the prefix of a proxy."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.fixtures.http_thread import Handler, Server
from tests.fixtures.up import Up

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_STATUS = "performance.getEntriesByType('navigation')[0].responseStatus"


@contextmanager
def proxy(system: Up, prefix: str) -> Iterator[str]:
    """Yield the address at which a proxy serves the system below a prefix, and nothing else."""

    class Proxy(Handler):
        def get(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.answer(404)
                return
            body = self.read_body()
            answer = requests.request(
                self.command, system.url + self.path.removeprefix(prefix), headers=dict(self.headers), data=body,
                timeout=60,
            )  # fmt: skip
            self.answer(answer.status_code, answer.content, {"Content-Type": answer.headers.get("Content-Type", "")})

        post = get

    with Server(Proxy) as server:
        yield f"{server.url}{prefix}"


@pytest.mark.parametrize("prefix", ["", "/below/it"])
def test_each_link_leads_somewhere_after_a_run(page: Page, system: Up, prefix: str) -> None:
    with proxy(system, prefix) as url:
        page.goto(f"{url}/")
        expect(page.locator("#version")).not_to_be_empty()
        page.locator("#run").click()
        expect(page.locator("#status .finished")).to_be_visible()
        page.wait_for_url(f"{url}/submissions/*")
        links = page.locator("a:visible:not([href^='#'])")
        assert links.count() >= 5
        for link in links.all():
            with page.context.expect_page() as opened:
                link.click(modifiers=["Control"])
            opened.value.wait_for_load_state()
            assert opened.value.evaluate(_STATUS) == 200, opened.value.url
            opened.value.close()
        icon = page.locator("link[rel=icon]").evaluate("link => link.href")
        assert requests.get(icon, timeout=10).ok
