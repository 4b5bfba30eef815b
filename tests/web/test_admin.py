"""The operator's page in a real browser, on a real system: logging in, seeing what failed, and putting it right."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
import requests
from playwright.sync_api import Browser, Page, Request, expect

from shared.adapters.broker.base import QUEUE
from shared.records.accounts.api_keys import PREFIX
from tests.fixtures.up import SETTINGS, Up, running_system
from tests.waiting import eventually_sync
from tests.web.browsing import expect_all_can_read, watched
from tests.web.operation_rows import add_day, add_failures, add_running_job, execute

pytestmark = pytest.mark.slow

KEY: Final = "an-operators-key-of-thirty-two-characters"
WITH_KEY: Final = {"Authorization": f"Bearer {KEY}"}
PATHS: Final = ("/admin", "/admin/submissions", "/admin/failures", "/admin/keys", "/admin/suppressions")
HOSTILE: Final = "</td></textarea><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\u200b&lt;'\""
#: Milliseconds between two refreshes, and a little.
REFRESH: Final = 10_500


@pytest.fixture(scope="module")
def system() -> Iterator[Up]:
    """Yield a running system with an operator's key."""
    with running_system({**SETTINGS, "PRECIEUX_API_KEYS": KEY}) as one:
        yield one


@pytest.fixture
def admin(page: Page) -> Page:
    """Return a page that is logged in."""
    log_in(page)
    return page


@contextmanager
def operator_of(browser: Browser, system: Up, *, scripts: bool = True) -> Iterator[Page]:
    """Yield a page that is logged in to a system, in English. It must violate no policy and log no error."""
    with browser.new_context(base_url=system.url, locale="en", java_script_enabled=scripts) as context:
        faults = watched(context)
        page = context.new_page()
        log_in(page)
        yield page
        assert faults == []


def log_in(page: Page) -> None:
    page.goto("/admin/login")
    page.locator("#key").fill(KEY)
    page.locator("#key").press("Enter")
    page.wait_for_url("**/admin")


def stop_clock(page: Page) -> None:
    """Let time pass on the page only when the test says so."""
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=10))


def submit(system: Up, number: int, email: str, source: str = "print(6 * 7)") -> None:
    """Register a classic submission under a number of ours, without asking for its execution."""
    answer = requests.post(
        f"{system.url}/submit_email/",
        data={"email": email, "language": "py", "inputs": "", "enable": "0", "id": str(number)},
        files={"file": ("answer.py", source.encode())},
        headers=WITH_KEY,
        timeout=10,
    )
    assert answer.ok, answer.text


def state_of(system: Up, email: str) -> str | None:
    """Return the state of the address's latest submission."""
    answer = requests.get(f"{system.url}/v1/submissions", params={"email": email}, headers=WITH_KEY, timeout=10)
    assert answer.ok, answer.text
    items = answer.json()["items"]
    return str(items[0]["state"]) if items else None


def test_all_can_read_the_operators_pages(admin: Page, system: Up) -> None:
    """The texts on them are hostile."""
    add_day(system)
    add_failures(system, HOSTILE)
    for path in PATHS:
        admin.goto(path)
        for closed in admin.locator("summary").all():
            closed.click()
        expect_all_can_read(admin)
        assert admin.locator("main script, main img, [onerror]").count() == 0, path


def test_a_dead_letter_is_replayed(browser: Browser, system: Up) -> None:
    """A message arrives before its submission, and so becomes a dead letter. Its replay runs the program."""
    number, email = secrets.randbelow(10**9) + 10**6, f"{secrets.token_hex(4)}@example.com"
    execute(system, "INSERT INTO outbox (queue, body) VALUES ($1, $2)", QUEUE, str(number))
    with operator_of(browser, system) as page:
        letter = page.locator("#dead-letters tr", has_text=str(number))

        def is_dead() -> bool:
            page.goto("/admin/failures")
            return letter.count() == 1

        eventually_sync(is_dead, what="the message is a dead letter")
        expect(letter).to_contain_text(f"no submission has the id {number}")
        submit(system, number, email)
        for other in page.locator("#dead-letters tbody tr").filter(has_not_text=str(number)).all():
            other.get_by_role("checkbox").uncheck()
        page.get_by_role("button", name="Replay").click()
        expect(page.get_by_role("status")).to_have_text("1 dead letter is on the queue again.")
        expect(letter).to_have_count(0)
    eventually_sync(lambda: state_of(system, email) == "finished", what="the program has run")


def test_a_dead_letter_is_removed_after_a_question(browser: Browser, system: Up) -> None:
    body = f"letter-{secrets.token_hex(4)}"
    execute(system, "INSERT INTO outbox (queue, body, failure, failed_at) VALUES ('emails', $1, 'x', now())", body)
    with operator_of(browser, system) as page:
        page.goto("/admin/failures")
        for other in page.locator("#dead-letters tbody tr").filter(has_not_text=body).all():
            other.get_by_role("checkbox").uncheck()
        remove = page.get_by_role("button", name="Remove the chosen ones")
        expect(remove).to_be_hidden()
        page.locator("#dead-letters summary").click()
        remove.click()
        expect(page.get_by_role("status")).to_have_text("1 dead letter is removed.")
        expect(page.get_by_text(body)).to_have_count(0)


def test_mails_to_an_address_are_stopped_and_allowed(admin: Page) -> None:
    email = f"{secrets.token_hex(4)}@example.com"
    admin.goto("/admin/suppressions")
    admin.locator("#email").fill(email)
    admin.locator("#email").press("Enter")
    expect(admin.get_by_role("status")).to_be_visible()
    admin.locator("#find").fill(email[:6].upper())
    admin.locator("#find").press("Enter")
    row = admin.locator("tbody tr", has_text=email)
    row.locator("summary").press("Enter")
    row.locator("button.danger").press("Enter")
    admin.wait_for_url("**done=allowed**")
    expect(row).to_have_count(0)


def test_a_failed_program_is_run_again(browser: Browser, system: Up) -> None:
    email = f"{secrets.token_hex(4)}@example.com"
    number = secrets.randbelow(10**9) + 10**6
    submit(system, number, email)
    execute(
        system,
        "INSERT INTO job (upload, status, failure, attempt, finished_at)"
        " VALUES ($1, 'failed', 'the engine was away', 20, now())",
        number,
    )
    execute(system, "UPDATE uploads SET outcome = 'failed', runs = 1 WHERE id = $1", number)
    with operator_of(browser, system) as page:
        page.goto("/admin/failures")
        page.get_by_role("button", name=f"Run again #{number}").click()
        expect(page.get_by_role("status")).to_have_text("1 program is requested again.")
    eventually_sync(lambda: state_of(system, email) == "finished", what="the program has run")


def test_the_overview_works_without_scripts(browser: Browser, system: Up) -> None:
    add_day(system)
    add_failures(system, HOSTILE)
    with operator_of(browser, system, scripts=False) as page:
        for table in page.locator(".chart table").all():
            expect(table).to_be_visible()
        expect(page.locator(".chart .plot").first).to_be_hidden()
        page.goto("/admin/keys")
        page.locator("#name").fill("no-script")
        page.get_by_role("button", name="Make the key").click()
        expect(page.locator("#new-key")).to_contain_text(PREFIX)


def test_a_history_of_less_than_an_hour_is_shown_as_an_hour(admin: Page, system: Up) -> None:
    execute(system, "DELETE FROM series")
    execute(system, "INSERT INTO series VALUES (date_trunc('minute', now()), '{}')")
    admin.goto("/admin")
    expect(admin.locator("#span [data-seconds='3600']")).to_have_attribute("aria-pressed", "true")


def test_the_overview_draws_its_charts(admin: Page, system: Up) -> None:
    add_day(system)
    add_failures(system, HOSTILE)
    admin.goto("/admin")
    expect(admin.locator(".chart canvas")).to_have_count(4)
    chart = admin.locator(".chart").first
    chart.locator(".u-over").hover()
    expect(chart.locator(".value").first).not_to_be_empty()
    hour, day = (admin.locator(f"#span [data-seconds='{seconds}']") for seconds in (3600, 86400))
    expect(day).to_have_attribute("aria-pressed", "true")
    hour.click()
    expect(hour).to_have_attribute("aria-pressed", "true")
    expect(day).to_have_attribute("aria-pressed", "false")
    # What the chart says is in a table too.
    chart.locator("summary").press("Enter")
    expect(chart.locator("table")).to_be_visible()


def test_the_overview_is_refreshed_while_it_is_seen(browser: Browser, system: Up) -> None:
    with operator_of(browser, system) as page:
        stop_clock(page)
        page.goto("/admin")
        asked: list[str] = []

        def note(request: Request) -> None:
            asked.append(re.sub(r"\d+$", "", request.url.removeprefix(system.url)))

        page.on("request", note)
        email = f"{secrets.token_hex(4)}@example.com"
        add_running_job(system, email)

        def is_shown() -> bool:
            # The server reuses a look for two seconds.
            with page.expect_response("**/admin"):
                page.clock.run_for(REFRESH)
            return email in page.locator("#running").inner_text()

        eventually_sync(is_shown, what="the running program is shown")
        refreshes = asked.count("/admin")
        page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
        page.clock.run_for(10 * REFRESH)
        assert asked.count("/admin") == refreshes
        page.evaluate("delete document.hidden")
        with page.expect_response("**/admin"):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        assert asked.count("/admin") == refreshes + 1


def test_the_overview_says_that_it_may_be_old(browser: Browser, system: Up) -> None:
    with operator_of(browser, system) as page:
        stop_clock(page)
        page.goto("/admin")
        page.route("**/admin", lambda route: route.fulfill(status=503))
        page.clock.run_for(REFRESH)
        expect(page.locator("#stale")).to_be_visible()
        page.unroute("**/admin")
        page.clock.run_for(REFRESH)
        expect(page.locator("#stale")).to_be_hidden()
