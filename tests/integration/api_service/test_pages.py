"""The pages for people, as far as they need no browser: header fields, the plain form, and the recipient's link."""

import hashlib
import html
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api_service.web.rendering import POLICY
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts.api_keys import Scope
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import make_key
from tests.integration.rows import add_executed, execute, fetch, insert

KEY = "k" * 32
BROWSER = {"Accept": "text/html"}
FORM = {"language": "py", "source": "print(1)\r\nprint(2)\r\n", "stdin": "a\r\nb", "checker": "lines"}


async def token_of(api: httpx.AsyncClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', (await api.get("/")).text)
    assert found
    return found[1]


async def send(api: httpx.AsyncClient, fields: dict[str, Any], **headers: str) -> httpx.Response:
    form = [(name, (None, text)) for name, text in fields.items()]
    return await api.post("/send", files=form, headers={name.replace("_", "-"): text for name, text in headers.items()})


async def test_pages_have_the_policy_and_no_inline_code(api: httpx.AsyncClient) -> None:
    for path in ("/", "/submissions/5", "/pages/1?expires=1&signature=x"):
        page = await api.get(path, headers=BROWSER)
        assert page.headers["Content-Security-Policy"] == POLICY
        assert "unsafe" not in POLICY
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<[^>]* (?:style|on\w+)=", page.text)
        assert re.findall(r"<script(?![^>]*(?:src=|application/json))", page.text) == []


async def test_the_plain_form_registers_and_leads_to_the_result(api: httpx.AsyncClient, database: Database) -> None:
    answer = await send(api, {**FORM, "token": await token_of(api)})
    assert answer.status_code == 303
    page = await api.get(answer.url.join(answer.headers["Location"]))
    assert page.status_code == 200
    assert 'http-equiv="refresh"' in page.text
    [row] = await fetch(database, "SELECT inputs, size_bytes FROM uploads")
    assert (row["inputs"], row["size_bytes"]) == ("a\nb", len("print(1)\nprint(2)\n"))


async def test_a_form_without_our_token_is_refused(
    api: httpx.AsyncClient, database: Database, signer: LinkSigner
) -> None:
    old = signer.seal("send", str(int(time.time()) - 90_000))
    for token in ("", "x", "x.y", "MTIz.AAAAAAAAAAAAAAAA", old):
        answer = await send(api, {**FORM, "token": token})
        assert (answer.status_code, "print(1)" in answer.text) == (403, True)
    assert await fetch(database, "SELECT FROM uploads") == []


async def test_a_form_of_another_site_is_refused_without_keys(api: httpx.AsyncClient, database: Database) -> None:
    answer = await send(api, {**FORM, "token": await token_of(api)}, Origin="null")
    assert answer.status_code == 403
    assert await fetch(database, "SELECT FROM uploads") == []


async def test_a_form_of_another_site_is_refused_with_a_key(keyed: httpx.AsyncClient, database: Database) -> None:
    for site in ("cross-site", "same-site"):
        answer = await send(keyed, {**FORM, "token": await token_of(keyed), "key": KEY}, Sec_Fetch_Site=site)
        assert answer.status_code == 403
    assert await fetch(database, "SELECT FROM uploads") == []


async def test_faults_of_the_plain_form_are_shown(api: httpx.AsyncClient) -> None:
    fields = {**FORM, "token": await token_of(api), "email": "<b>@x", "cpu_s": "nan", "memory_mib": "-1"}
    answer = await send(api, fields)
    assert answer.status_code == 422
    assert "<code>email</code>" in answer.text
    assert "<b>@x" not in answer.text
    assert (await api.post("/send", content=b"x", headers={"Content-Type": "text/plain"})).status_code == 400


@pytest.fixture
async def keyed(api_with: ApiWith) -> AsyncIterator[httpx.AsyncClient]:
    async with api_with(operator_keys=(KEY,)) as client:
        yield client


async def test_the_plain_form_needs_a_key_where_calls_do(keyed: httpx.AsyncClient) -> None:
    token = await token_of(keyed)
    assert 'name="key"' in (await keyed.get("/")).text
    for key, status in (("", 401), ("a-bad-key", 401), (KEY, 303)):
        answer = await send(keyed, {**FORM, "token": token, "key": key})
        assert answer.status_code == status
        # Nothing that a stranger sends is shown.
        assert "a-bad-key" not in answer.text
        assert "print(1)" not in answer.text


@pytest.mark.parametrize("key", ["", "a-bad-key"])
async def test_a_strangers_form_is_not_read_to_its_end(keyed: httpx.AsyncClient, key: str) -> None:
    head = f'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n{key}\r\n'
    head += '--x\r\nContent-Disposition: form-data; name="source"\r\n\r\n'
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        yield head.encode()
        for _ in range(100):
            read += 10_000
            yield b'"' * 10_000

    answer = await keyed.post("/send", content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status_code, read) == (401, 10_000)
    assert len(answer.text) < len((await keyed.get("/")).text) + 1000


async def test_a_key_behind_much_else_is_not_looked_for(keyed: httpx.AsyncClient) -> None:
    fields = {"token": await token_of(keyed), "source": "x" * 10_000, "key": KEY}
    assert (await send(keyed, fields)).status_code == 401


@pytest.mark.parametrize(
    ("long", "left_out"),
    [
        ({"source": '"' * 70_000}, "source"),
        ({"args": "\0" * 70_000}, "args"),
        ({f"test_stdin{n}": '"' * 10 for n in range(400)} | {f"test_expected{n}": "" for n in range(400)}, "tests"),
        (dict.fromkeys(("source", "stdin", "args"), "&" * 30_000), "args"),
    ],
    ids=["a field", "control characters", "tests", "fields together"],
)
async def test_a_long_form_is_not_shown_again(keyed: httpx.AsyncClient, long: dict[str, str], left_out: str) -> None:
    fields = [("token", await token_of(keyed)), ("key", KEY), ("language", "py"), ("email", "no address")]
    # The fields of a row of tests have the same names.
    fields += [(re.sub("[0-9]", "", name), text) for name, text in long.items()]
    answer = await keyed.post("/send", files=[(name, (None, text)) for name, text in fields])
    assert answer.status_code in (413, 422)
    assert 'value="no address"' in answer.text
    assert f"<code>{left_out}</code>" in answer.text
    assert "too long to be shown again" in answer.text
    assert len(answer.text) < 6 * (64 << 10)


async def test_the_plain_form_needs_the_scope_to_submit(api: httpx.AsyncClient, database: Database) -> None:
    reader = await make_key(database, "reader", Scope.READ)
    fields = {**FORM, "token": await token_of(api), "key": reader.headers["Authorization"].removeprefix("Bearer ")}
    assert (await send(api, fields)).status_code == 403


async def test_without_the_setting_only_recipients_have_pages(
    api_with: ApiWith, database: Database, signer: LinkSigner
) -> None:
    async with api_with(web=False) as api:
        assert "/submit_email/" in (await api.get("/")).text
        assert (await api.get("/submissions/1")).status_code == 404
        assert (await api.post("/send")).status_code == 404
        upload, _ = await add_executed(database)
        assert (await api.get(path_of(signer, upload))).status_code == 200


def path_of(signer: LinkSigner, upload: int, *, expires_in: int = 1000) -> str:
    return signer.page_link(upload, expires=int(time.time()) + expires_in).removeprefix(signer.public_url)


async def test_a_link_shows_a_page_or_plain_text(
    api: httpx.AsyncClient, database: Database, signer: LinkSigner
) -> None:
    upload, job = await add_executed(database)
    await execute(database, "UPDATE results SET output = '<b>' WHERE job = :job", job=job)
    page = await api.get(path_of(signer, upload))
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "&lt;b&gt;" in page.text
    text = await api.get(path_of(signer, upload), headers={"Accept": "text/plain"})
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "<b>" in text.text
    for answer in (page, text):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(("expires_in", "end", "heading"), [(-1, "", "expired"), (1000, "x", "not valid")])
async def test_a_link_that_does_not_work_says_why(
    api: httpx.AsyncClient, database: Database, signer: LinkSigner, expires_in: int, end: str, heading: str
) -> None:
    upload, _ = await add_executed(database)
    path = path_of(signer, upload, expires_in=expires_in) + end
    for one in (path, path.replace("?", "/output?")):
        answer = await api.get(one)
        assert answer.status_code == 403
        assert heading in answer.text
    problem = await api.get(path, headers={"Accept": "text/plain"})
    assert problem.status_code == 403
    assert heading in problem.json()["detail"]


async def test_the_link_of_a_removed_submission_says_so(api: httpx.AsyncClient, signer: LinkSigner) -> None:
    answer = await api.get(path_of(signer, 5), headers=BROWSER)
    assert answer.status_code == 404
    assert "not there any more" in answer.text


async def test_a_browser_gets_a_page_for_what_is_not_there(api: httpx.AsyncClient) -> None:
    for path in ("/nosuch", "/no/such/", "/submissions/abc", "/docs/nosuch", "/files/x", "/send/x"):
        answer = await api.get(path, headers=BROWSER)
        assert answer.status_code in (404, 422)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"] == POLICY
        home = re.search(r'<a class="button" href="([^"]+)"', answer.text)
        assert home
        assert answer.url.join(home[1]).path == "/"
        assert (await api.get(path)).headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/nosuch", "/v1/submissions/x", "/check_email/", "/submit_email/"])
async def test_calls_answer_with_documents_whatever_is_accepted(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path, headers=BROWSER)
    assert answer.status_code in (404, 405, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_links_are_right_with_a_slash_at_the_end(api: httpx.AsyncClient) -> None:
    page = await api.get("/problems/")
    styles = re.search(r'rel="stylesheet" href="([^"]+)"', page.text)
    assert styles
    assert (await api.get(page.url.join(styles[1]))).status_code == 200


async def test_only_its_sender_reads_what_was_sent(api: httpx.AsyncClient, database: Database) -> None:
    owner, other = await make_key(database, "owner"), await make_key(database, "other")
    body = {"language": "py", "source": "print(1)", "stdin": "7"}
    upload = (await api.post("/v1/submissions", json=body, headers=owner.headers)).json()["id"]
    await set_tests(database, upload, hidden=[False, True])
    path = f"/sent/{upload}"
    answer = await api.get(path, headers=owner.headers)
    assert answer.headers["Cache-Control"] == "private, no-store"
    sent = answer.json()
    assert (sent["stdin"], [test["hidden"] for test in sent["tests"]]) == ("7", [False, True])
    assert (await api.get(path, headers=other.headers)).status_code == 404
    assert (await api.get(path)).status_code == 401


async def set_tests(database: Database, upload: int, *, hidden: list[bool]) -> None:
    spec: dict[str, Any] = {"stdin": "", "args": [], "expected_output": None, "limits": {}, "points": 1}
    tests = [{**spec, "name": f"test {number}", "hidden": one} for number, one in enumerate(hidden, 1)]
    text = json.dumps(tests)
    await execute(database, "UPDATE uploads SET tests = CAST(:tests AS jsonb) WHERE id = :id", id=upload, tests=text)


async def test_outputs_of_tests_are_not_behind_the_link(
    api: httpx.AsyncClient, database: Database, signer: LinkSigner
) -> None:
    upload, job = await add_executed(database)
    await execute(database, "UPDATE job SET number = 1 WHERE id = :job", job=job)
    await execute(database, "UPDATE uploads SET runs = 1 WHERE id = :id", id=upload)
    await execute(database, "UPDATE results SET output = 'the output' WHERE job = :job", job=job)
    path = path_of(signer, upload).replace("?", "/output?")
    assert (await api.get(path)).text == "the output"
    await set_tests(database, upload, hidden=[True])
    assert (await api.get(path)).status_code == 404


async def test_no_page_shows_what_a_test_or_a_judge_hides(
    api: httpx.AsyncClient, database: Database, signer: LinkSigner
) -> None:
    upload, job = await add_executed(database)
    await set_tests(database, upload, hidden=[False, True])
    for number in (1, 2):
        await insert(
            database, "test_results", job=job, number=number, attempt=0, verdict="wrong_answer", points_awarded=0,
            stdout=f"output {number}".encode(), stderr=b"", message=f"<too small {number}>", judge_message="EXPECTED",
        )  # fmt: skip
    for accept in ("text/html", "text/plain"):
        text = html.unescape((await api.get(path_of(signer, upload), headers={"Accept": accept})).text)
        assert all(part in text for part in ("test 1", "output 1", "<too small 1>", "test 2"))
        assert not any(part in text for part in ("output 2", "too small 2", "EXPECTED"))


async def test_a_judge_that_failed_is_no_fault_of_the_program(
    api: httpx.AsyncClient, database: Database, signer: LinkSigner
) -> None:
    upload, job = await add_executed(database)
    await set_tests(database, upload, hidden=[False])
    await execute(database, "UPDATE uploads SET verdict = 'judge_error'")
    await execute(database, "UPDATE results SET verdict = 'judge_error', points_awarded = NULL, judge_message = 'WHY'")
    ended = {"verdict": "judge_error", "stdout": b"", "stderr": b"", "judge_message": "WHY"}
    await insert(database, "test_results", job=job, number=1, attempt=0, **ended)
    page = (await api.get(path_of(signer, upload), headers=BROWSER)).text
    assert "no fault of the program" in page
    assert page.count("Could not be judged") == 2
    assert 'class="verdict bad' not in page
    assert "Points:" not in page
    assert "tests passed" not in page
    assert "WHY" not in page


async def test_the_recipients_page_links_to_artifacts(
    api: httpx.AsyncClient, database: Database, store: ObjectStore, signer: LinkSigner
) -> None:
    """Small images are shown. Their names are hostile."""
    upload, _ = await add_executed(database)
    await execute(database, "UPDATE uploads SET runs = 1")
    await execute(database, "UPDATE job SET number = 1")
    names = {'"><img src=x onerror=alert(1)>.png': "image/png", "large.png": "image/png", "x.csv": "text/csv"}
    stored, digest = [], hashlib.sha256(b"1,2").hexdigest()
    for number, (name, media_type) in enumerate(names.items(), 1):
        await store.put(f"results/{number}", b"1,2")
        size = 1 << 20 if name == "large.png" else 3
        stored.append(
            {
                "name": name,
                "bytes": size,
                "media_type": media_type,
                "sha256": digest,
                "key": f"results/{number}",
            }
        )
    await execute(
        database,
        "UPDATE results SET artifacts = CAST(:stored AS jsonb), artifacts_left_out = '{\"too_large\": 3}'",
        stored=json.dumps(stored),
    )
    link = signer.page_link(upload, expires=int(time.time()) + 60).removeprefix(signer.public_url)
    page = (await api.get(link, headers=BROWSER)).text
    assert "onerror=alert(1)&gt;" in page
    assert "<img src=x" not in page
    images = re.findall(r'<img src="([^"]+)" alt="([^"]+)">', page)
    assert [alt for _, alt in images] == ["&#34;&gt;&lt;img src=x onerror=alert(1)&gt;.png"]
    assert "Skipped in out/: 3 (too large)." in page
    addresses = [html.unescape(address) for address in re.findall(r'<li><a href="([^"]+)"', page)]
    assert len(addresses) == 3
    for address in addresses:
        assert (await api.get(f"/pages/{address}")).content == b"1,2"
        forged = re.sub("signature=.", "signature=~", address)
        assert (await api.get(f"/pages/{forged}")).status_code == 403
    # A later run may be for other eyes. Neither links to files of the first one nor that of the page open its files.
    await execute(database, "UPDATE job SET number = 2")
    others = [address.replace("run=1", "run=2") for address in addresses]
    others += [address.partition("?")[0] + f"?run=2&{link.partition('?')[2]}" for address in addresses]
    assert {(await api.get(f"/pages/{address}")).status_code for address in others} == {403}
    assert {(await api.get(f"/pages/{address}")).status_code for address in addresses} == {404}
    unsigned = re.sub("&signature=[^&]+", "", addresses[0])
    assert (await api.get(f"/pages/{unsigned}")).status_code == 422
