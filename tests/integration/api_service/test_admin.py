"""The guards of the operator's page: who gets in, for how long, and whose forms are obeyed."""

import html
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import httpx
import pytest

from api_service.background.outbox_publisher import OutboxPublisher
from api_service.web.routes import admin
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts.api_keys import PREFIX, Scope
from tests.integration.api_service.conftest import ApiWith, client_of
from tests.integration.rows import add_upload, execute, fetch, insert, make_key

OPERATORS: Final = "an-operators-key-of-thirty-two-characters"
HOSTILE: Final = "</td><script>alert(1)</script><b title='"
COOKIE: Final = "precieux-operator"
#: All addresses of the operator's page, with the method of each.
ADDRESSES: Final = [
    (method, route.path)  # type: ignore[attr-defined]
    for router in admin.ROUTERS
    for route in router.routes
    for method in route.methods  # type: ignore[attr-defined]
]


@pytest.fixture
async def client(api_with: ApiWith) -> AsyncIterator[httpx.AsyncClient]:
    async with api_with(operator_keys=(OPERATORS,)) as client:
        yield client


async def log_in(client: httpx.AsyncClient, key: str = OPERATORS) -> str:
    """Log in, and return the token that the session's forms have."""
    answer = await client.post("/admin/login", data={"key": key})
    assert (answer.status_code, answer.headers.get("Location")) == (303, "../admin"), answer.text
    [token] = set(re.findall(r'name="csrf" value="(\w+)"', (await client.get("/admin/keys")).text))
    return str(token)


async def is_in(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/admin")
    assert (answer.status_code, answer.headers.get("Location")) in ((200, None), (303, "./admin/login"))
    return answer.status_code == 200


async def test_without_a_session_nothing_is_shown_or_done(client: httpx.AsyncClient) -> None:
    for method, path in ADDRESSES:
        if path != "/admin/login":
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["Location"][-11:]) == (303, "admin/login"), path


async def test_a_form_needs_the_token_of_its_session(client: httpx.AsyncClient) -> None:
    token = await log_in(client)
    paths = [path for method, path in ADDRESSES if method == "POST" and path != "/admin/login"]
    assert len(paths) == 9
    for path in paths:
        for wrong in ({}, {"csrf": "0" * 64}, {"csrf": token[:-1]}, {"csrf": "é"}):
            assert (await client.post(path, data=wrong)).status_code == 403, path
    assert await is_in(client)


async def test_a_form_of_another_site_is_refused(client: httpx.AsyncClient) -> None:
    token = await log_in(client)
    for headers in (
        {"Origin": "http://example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8001"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ):
        answer = await client.post("/admin/login", data={"key": OPERATORS}, headers=headers)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False), headers
        answer = await client.post("/admin/logout", data={"csrf": token}, headers=headers)
        assert answer.status_code == 403, headers
    assert await is_in(client)


async def test_a_browsers_own_form_is_obeyed(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    token = await log_in(client)
    answer = await client.post("/admin/logout", data={"csrf": token}, headers=headers)
    assert answer.headers["Location"] == "../admin/login"
    assert not await is_in(client)


async def test_a_key_without_the_scope_admin_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    for scopes in ((), (Scope.SUBMIT,), (Scope.SUBMIT, Scope.READ)):
        answer = await client.post("/admin/login", data={"key": await make_key(database, *scopes)})
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
    assert not await is_in(client)


async def test_wrong_keys_of_others_keep_no_operator_out(client: httpx.AsyncClient) -> None:
    """Behind a proxy, all of them come from the operator's address."""
    answers = [await client.post("/admin/login", data={"key": f"{number:032}"}) for number in range(40)]
    assert {answer.status_code for answer in answers} == {403}
    await log_in(client)
    assert await is_in(client)


async def test_a_login_that_is_no_key_is_not_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/admin/login", data={"key": "k" * 10_000})
    assert answer.status_code == 413


async def test_servers_of_one_host_have_cookies_of_their_own(client: httpx.AsyncClient) -> None:
    """Browsers share cookies among all ports of a host."""
    names = []
    for host in ("127.0.0.1:8000", "127.0.0.1:8001"):
        answer = await client.post("/admin/login", data={"key": OPERATORS}, headers={"Host": host})
        names.append(answer.headers["Set-Cookie"].partition("=")[0])
    assert names == [f"{COOKIE}-8000", f"{COOKIE}-8001"]


async def test_the_cookie_is_for_this_server_alone(
    client: httpx.AsyncClient, database: Database, store: ObjectStore, outbox_publisher: OutboxPublisher
) -> None:
    answer = await client.post("/admin/login", data={"key": OPERATORS})
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]{{43}}; HttpOnly; Max-Age=28800; Path=/; SameSite=strict", answer.headers["Set-Cookie"]
    )
    async with client_of(
        database, store, outbox_publisher, LinkSigner(b"k" * 32, "https://precieux.example"), operator_keys=(OPERATORS,)
    ) as behind_tls:
        # A proxy that ends TLS keeps the name.
        answer = await behind_tls.post("/admin/login", data={"key": OPERATORS}, headers={"Host": "precieux.example"})
    assert re.fullmatch(
        rf"__Host-{COOKIE}=[\w-]{{43}}; HttpOnly; Max-Age=28800; Path=/; SameSite=strict; Secure",
        answer.headers["Set-Cookie"],
    )


async def test_the_database_has_no_cookie(client: httpx.AsyncClient, database: Database) -> None:
    await log_in(client)
    [row] = await fetch(database, "SELECT * FROM sessions")
    assert client.cookies[COOKIE] not in json.dumps(row, default=str)
    client.cookies.set(COOKIE, str(row["sha256"]))
    client.cookies.delete(COOKIE, domain="127.0.0.1")
    assert not await is_in(client)


async def test_a_session_ends_with_its_key(api_with: ApiWith, client: httpx.AsyncClient, database: Database) -> None:
    await log_in(client, await make_key(database, Scope.ADMIN))
    await execute(database, "UPDATE api_keys SET revoked_at = now()")
    async with api_with(operator_keys=(OPERATORS,)) as other:  # which has cached nothing
        other.cookies = client.cookies
        assert not await is_in(other)


async def test_a_session_ends_after_eight_hours(client: httpx.AsyncClient, database: Database) -> None:
    await log_in(client)
    await execute(database, "UPDATE sessions SET created_at = now() - interval '7 hours 59 minutes'")
    assert await is_in(client)
    await execute(database, "UPDATE sessions SET created_at = now() - interval '8 hours 1 minute'")
    assert not await is_in(client)
    await log_in(client)
    assert len(await fetch(database, "SELECT FROM sessions")) == 1


async def test_who_copied_the_cookie_is_logged_out_too(client: httpx.AsyncClient) -> None:
    token = await log_in(client)
    copied = client.cookies[COOKIE]
    await client.post("/admin/logout", data={"csrf": token})
    client.cookies.set(COOKIE, copied)
    assert not await is_in(client)


async def test_until_the_first_key_the_local_user_needs_none(api: httpx.AsyncClient, database: Database) -> None:
    assert not await is_in(api)
    token = await log_in(api, key="")
    assert await is_in(api)
    # A key that is no operator's would lock the operator out.
    answer = await api.post("/admin/keys", data={"csrf": token, "name": "first", "scope": "submit"})
    assert answer.status_code == 422
    assert await fetch(database, "SELECT FROM api_keys") == []


async def test_with_the_first_key_that_session_ends(
    api_with: ApiWith, api: httpx.AsyncClient, database: Database
) -> None:
    await log_in(api, key="")
    await make_key(database, Scope.SUBMIT)
    async with api_with() as other:
        other.cookies = api.cookies
        assert not await is_in(other)
        assert (await other.post("/admin/login", data={"key": ""})).status_code == 403


async def test_a_stranger_needs_a_key_before_the_first_one(api_with: ApiWith) -> None:
    async with api_with(peer="192.0.2.7") as stranger:
        assert (await stranger.post("/admin/login", data={"key": ""})).status_code == 403
        assert not await is_in(stranger)


async def test_a_new_key_is_shown_once_and_not_logged(
    client: httpx.AsyncClient, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    token = await log_in(client)
    fields = {
        "csrf": token,
        "name": "course",
        "scope": ["submit", "read", "admin"],
        "recipients": "example.edu, a@b.org",
    }
    answer = await client.post("/admin/keys", data=fields)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    [key] = re.findall(rf"{PREFIX}[\w-]+", answer.text)
    [secret] = re.findall(r"whsec_[\w+/=-]+", answer.text)
    [row] = await fetch(database, "SELECT * FROM api_keys WHERE name = 'course'")
    assert (row["scopes"], row["recipients"]) == (["read", "submit"], ["example.edu", "a@b.org"])
    used = await client.get("/v1/usage", headers={"Authorization": f"Bearer {key}"})
    assert used.status_code == 200
    shown_later = (await client.get("/admin/keys")).text + "".join(capsys.readouterr())
    assert key not in shown_later
    assert secret not in shown_later


async def test_a_wrong_form_makes_no_key(client: httpx.AsyncClient, database: Database) -> None:
    token = await log_in(client)
    for fields in (
        {"name": " ", "scope": "read"},
        {"name": "x"},
        {"name": "x", "scope": "admin"},
        {"name": "x" * 201, "scope": "read"},
        {"name": "x", "scope": "read", "recipients": "no-domain"},
    ):
        assert (await client.post("/admin/keys", data={"csrf": token, **fields})).status_code == 422, fields
    assert await fetch(database, "SELECT FROM api_keys WHERE revoked_at IS NULL") == []


async def test_a_wrong_number_revokes_nothing(client: httpx.AsyncClient) -> None:
    token = await log_in(client)
    for number in ("", "x", "9" * 30, "-1", "²"):
        answer = await client.post("/admin/keys/revoke", data={"csrf": token, "id": number})
        assert answer.headers["Location"].endswith("count=0")


async def test_a_failed_mail_is_sent_again(client: httpx.AsyncClient, database: Database) -> None:
    await execute(
        database,
        "INSERT INTO emails (kind, recipient, status, attempt, crashes, last_error, message_id)"
        " SELECT 'result', state || '@example.com', state, 20, 5, 'no', state"
        " FROM unnest(ARRAY['refused', 'bounced', 'complained', 'delivered']) AS state",
    )
    await execute(
        database, "INSERT INTO suppressions (email, canonical, reason) VALUES ('b', 'bounced@example.com', 'bounced')"
    )
    token = await log_in(client)
    text = (await client.get("/admin/failures")).text
    engine_language = re.findall(r'name="id" value="(\d+)"', text)
    assert len(engine_language) == 1, "the others are suppressed, unwanted or delivered"
    ids = [str(row["id"]) for row in await fetch(database, "SELECT id FROM emails")]
    answer = await client.post("/admin/mails/resend", data={"csrf": token, "id": ids})
    assert answer.headers["Location"].endswith("done=resent&count=2")
    rows = await fetch(database, "SELECT recipient, status, attempt, crashes, last_error FROM emails ORDER BY id")
    assert [(row["recipient"], row["status"], row["attempt"]) for row in rows] == [
        ("refused@example.com", "queued", 0),
        ("bounced@example.com", "queued", 0),
        ("complained@example.com", "complained", 20),
        ("delivered@example.com", "delivered", 20),
    ]


@pytest.mark.parametrize("locale", ["en", "fa"])
async def test_texts_of_strangers_are_escaped(client: httpx.AsyncClient, database: Database, locale: str) -> None:
    upload, now = await add_upload(database, email=f"{HOSTILE}@x.org", filename=HOSTILE), datetime.now(UTC)
    for status in ("failed", "executing"):
        times = dict.fromkeys(("finished_at", "started_at", "lease_expires_at"), now)
        await insert(database, "job", upload=upload, status=status, failure=HOSTILE, **times)
    await insert(database, "emails", kind="result", recipient=HOSTILE, status="refused", last_error=HOSTILE)
    await insert(database, "outbox", queue="emails", body=HOSTILE, failure=HOSTILE, failed_at=now)
    await insert(database, "suppressions", email=HOSTILE, reason=HOSTILE)
    await insert(database, "api_keys", name=HOSTILE, sha256="x", recipients=[HOSTILE])
    token = await log_in(client)
    pages = [
        await client.get(path, params={"lang": locale})
        for path in ("/admin", "/admin/submissions", "/admin/failures", "/admin/keys", "/admin/suppressions")
    ]
    pages += [
        await client.get("/admin/submissions", params={"email": HOSTILE, "result": HOSTILE, "since": HOSTILE}),
        await client.get("/admin/suppressions", params={"find": HOSTILE}),
        await client.post("/admin/keys", data={"csrf": token, "name": HOSTILE, "scope": "read"}),
        await client.post("/admin/keys", data={"csrf": token, "name": HOSTILE, "recipients": HOSTILE, "scope": "read"}),
        await client.post("/admin/suppressions/add", data={"csrf": token, "email": HOSTILE}),
    ]
    for answer in pages:
        assert "&lt;script&gt;alert(1)" in answer.text
        assert "<script>alert" not in answer.text
        assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


async def test_submissions_are_found_by_address_key_result_and_time(
    client: httpx.AsyncClient, database: Database
) -> None:
    await execute(database, "INSERT INTO api_keys (id, name, sha256, scopes) VALUES (7, 'course', 'x', '{submit}')")
    await execute(
        database,
        "INSERT INTO uploads (id, email, filename, owner, outcome, verdict, created_at, request_id) VALUES"
        " (1, 'Ada@example.com', 'one.py', 7, 'finished', 'ok', '2026-01-01', NULL),"
        " (2, 'ada@example.com', 'two.py', NULL, 'finished', 'time_limit', '2026-01-02 23:59', NULL),"
        " (3, 'bob@example.com', 'three.py', 7, NULL, NULL, '2026-01-03', gen_random_uuid()),"
        " (4, 'bob@example.com', 'four.py', NULL, 'failed', NULL, '2026-01-04', NULL)",
    )
    await execute(
        database,
        "INSERT INTO emails (kind, upload, status) VALUES ('receipt', 1, 'sent'), ('result', 1, 'bounced')",
    )
    await log_in(client)

    async def found(**filters: str) -> list[int]:
        answer = await client.get("/admin/submissions", params=filters)
        assert answer.status_code == 200
        return [int(number) for number in re.findall(r'dir="ltr">#(\d+)</a>', answer.text)]

    assert await found() == [4, 3, 2, 1]
    assert await found(email=" ADA@example.com\0") == [2, 1]
    assert await found(key="7") == [3, 1]
    assert await found(result="time_limit") == [2]
    assert await found(result="queued") == [3]
    assert await found(result="failed") == [4]
    assert await found(since="2026-01-02", until="2026-01-02") == [2]
    assert await found(key="7", email="nobody@example.com") == []
    half = await client.get("/admin/submissions", params={"email": "ada"})
    assert "Give the whole address." in half.text
    # What is none of these does not narrow the list.
    assert await found(key="x", result="x", since="x", until="9999-12-31", cursor="x.y") == [4, 3, 2, 1]
    text = (await client.get("/admin/submissions", params={"key": "7"})).text
    assert "bounced" in text
    link = re.search(r'href="\.\./(pages/3\?[^"]+)"', text)
    assert link
    # It needs no key of its own, so an operator who is logged in gives none again.
    client.cookies.clear()
    assert "three.py" in (await client.get(f"/{html.unescape(link[1])}", headers={"Accept": "text/html"})).text


async def test_older_submissions_follow_by_a_link(client: httpx.AsyncClient, database: Database) -> None:
    await execute(
        database,
        "INSERT INTO uploads (id, email, created_at)"
        " SELECT n, 'a+b@example.com', to_timestamp(n) FROM generate_series(1, 51) AS n",
    )
    await log_in(client)
    text = (await client.get("/admin/submissions", params={"email": "a+b@example.com"})).text
    [link] = re.findall(r'href="\.\./(admin/submissions\?[^"]+)" rel="next"', text)
    older = (await client.get(f"/{html.unescape(link)}")).text
    assert (text.count("</a> <bdi"), re.findall(r">#(\d+)</a>", older)) == (50, ["1"])
    assert 'rel="next"' not in older


async def test_the_overview_says_if_the_executor_answers(client: httpx.AsyncClient, database: Database) -> None:
    await execute(database, "INSERT INTO languages (code, info, seen_at) VALUES ('py', 'x', now()), ('c', 'x', now())")
    await log_in(client)
    assert "2 languages" in (text := (await client.get("/admin")).text)
    assert "it answers the job runners" in text
    await execute(database, "UPDATE languages SET seen_at = now() - interval '3 minutes'")
    # A form makes the next look a new one.
    await client.post("/admin/suppressions/remove", data={"csrf": await log_in(client), "email": "x"})
    assert "it does not answer" in (await client.get("/admin")).text


async def test_the_series_can_be_read_from_a_minute_on(client: httpx.AsyncClient, database: Database) -> None:
    await execute(
        database,
        "INSERT INTO series VALUES (to_timestamp(60), '{}'), (to_timestamp(120), '{\"waiting\": 7}')",
    )
    await log_in(client)
    answer = await client.get("/admin/series", params={"after": 60})
    assert (answer.json()["minute"], answer.json()["waiting"]) == ([120], [7])
    assert (await client.get("/admin/series")).json()["minute"] == [60, 120]
    assert (await client.get("/admin/series", params={"after": "x"})).status_code == 422
