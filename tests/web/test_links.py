"""The links of the page are right wherever it is, also below the prefix of a proxy."""

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.fixtures.http_thread import Handler, Server
from tests.fixtures.up import Up

pytestmark = pytest.mark.slow

_STATUS = "performance.getEntriesByType('navigation')[0].responseStatus"


def proxy(system: Up, prefix: str) -> Server:
    """Return a proxy that serves the system below a prefix, and nothing else."""

    class Proxy(Handler):
        def get(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.answer(404)
                return
            address = system.url + self.path.removeprefix(prefix)
            answer = requests.request(
                self.command, address, headers=dict(self.headers), data=self.read_body(), timeout=60
            )
            self.answer(answer.status_code, answer.content, {"Content-Type": answer.headers.get("Content-Type", "")})

        post = get

    return Server(Proxy)


@pytest.mark.parametrize("prefix", ["", "/below/it"])
def test_each_link_leads_somewhere_after_a_run(page: Page, system: Up, prefix: str) -> None:
    with proxy(system, prefix) as server:
        url = server.url + prefix
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
