"""`POST /v1/submissions`: stored values, refusals, and that a refused request leaves nothing behind."""

import asyncio
import gzip
import json
import random
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from api_service.access.principal import Principal
from api_service.http.errors import Kind
from api_service.submissions.new_submission import NewSubmission, Object
from api_service.submissions.quota_costs import QuotaCosts
from api_service.submissions.service import Submissions
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.local import LocalStore
from shared.common.files.archives import unpack
from shared.common.service.errors import StoreUnavailable
from shared.records.accounts.api_keys import Scope
from shared.records.accounts.webhooks import WebhookSettings, new_secret
from shared.records.resources.queue_positions import Front, front
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Key
from tests.integration.rows import execute, fetch, offer

pytestmark = pytest.mark.security

PATH: Final = "/v1/submissions"
BODY: Final[dict[str, Any]] = {"language": "python", "source": "print(1)"}


async def post(api: httpx.AsyncClient, **keys: Any) -> httpx.Response:
    return await api.post(PATH, json={**BODY, **keys})


def created(answer: httpx.Response) -> int:
    assert answer.status_code == 201, answer.text
    number = int(answer.json()["id"])
    assert answer.headers["Location"] == f"{PUBLIC_URL}/v1/submissions/{number}"
    return number


def faults_of(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return the places of the faults of an answer: their kind and their value."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json"), answer.text
    return [
        next((key, error[key]) for key in ("pointer", "parameter") if key in error) for error in answer.json()["errors"]
    ]


def objects(folder: Path) -> list[Path]:
    """Return the files in the folder of the object store."""
    return [path for path in folder.rglob("*") if path.is_file()]


async def nothing_stored(database: Database, folder: Path) -> bool:
    counts = await fetch(
        database,
        "SELECT (SELECT count(*) FROM uploads) + (SELECT count(*) FROM outbox) + (SELECT count(*) FROM emails)"
        " + (SELECT count(*) FROM budgets) AS rows",
    )
    return counts == [{"rows": 0}] and objects(folder) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the object store."""
    return tmp_path / "objects"


class TestMalformed:
    """400, 413, 415 and 422, in this order."""

    async def test_a_400_says_what_is_wrong(self, api: httpx.AsyncClient) -> None:
        for body, detail in (
            (b"", "at line 1"),
            (b"\xff{}", "not in UTF-8"),
            ('{"a": "é"}'.encode("utf-16"), "not in UTF-8"),
            (b'{"language": NaN}', "NaN is no number"),
            (b'{"a" 1}', "at line 1, column 6; send valid JSON."),
            (b'{"a": -Infinity}', "-Infinity is no number"),
            (b'{"a": %s}' % (b"9" * 5000), "too many digits"),
            (b"[" * 5000 + b"]" * 5000, "nested more than 100 levels"),
            (b"[" * 200 + b"]" * 200, "nested more than 100 levels"),
        ):
            answer = await api.post(PATH, content=body, headers={"Content-Type": "application/json"})
            assert (answer.status_code, detail in answer.json()["detail"]) == (400, True), answer.text

    async def test_a_byte_order_mark_is_ignored(self, api: httpx.AsyncClient) -> None:
        body = b"\xef\xbb\xbf" + json.dumps(BODY).encode()
        created(await api.post(PATH, content=body, headers={"Content-Type": "application/json"}))

    async def test_another_content_type_is_a_415(self, api: httpx.AsyncClient) -> None:
        kinds = ["application/x-www-form-urlencoded", "application/xml", "application/octet-stream", "image/png", "",
                 "x", "text/plain; charset=latin-1", "multipart/mixed; boundary=x", "application/zip"]  # fmt: skip
        for kind in kinds:
            answer = await api.post(f"{PATH}?odd=1", content=b"x", headers={"Content-Type": kind})
            assert (answer.status_code, "text/*" in answer.headers["Accept"]) == (415, True), kind

    async def test_a_compressed_body_is_a_415(self, api: httpx.AsyncClient) -> None:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = await api.post(PATH, content=gzip.compress(json.dumps(BODY).encode()), headers=headers)
        assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "identity")
        assert answer.json()["type"] == Kind.UNSUPPORTED_TYPE.url(PUBLIC_URL)

    async def test_faults_of_the_query_and_the_body_are_reported_at_once(self, api: httpx.AsyncClient) -> None:
        # `language` is one of the query only if the body is a program's text.
        query = [("parameter", "wait"), ("parameter", "odd"), ("parameter", "language")]
        for body, pointers in (({"language": "x", "stdin": 1}, ["/stdin", "/language", ""]), ({}, ["/language", ""])):
            answer = await api.post(f"{PATH}?odd=1&wait=61&language=py", json=body)
            assert faults_of(answer) == [*query, *(("pointer", pointer) for pointer in pointers)]

    async def test_surrogates_and_long_numbers(self, api: httpx.AsyncClient) -> None:
        for body, pointer in (
            (b'{"language": "py", "source": "x", "\\ud800": 1}', ""),
            (b"[]", ""),
            (b"null", ""),
            (b'{"language": "py", "source": "x", "limits": {"cpu_s": 1' + b"0" * 400 + b"}}", "/limits/cpu_s"),
        ):
            answer = await api.post(PATH, content=body, headers={"Content-Type": "application/json"})
            assert faults_of(answer) == [("pointer", pointer)], body


BOUNDED: Final = "multipart/form-data; boundary=b"


def part(disposition: bytes, data: bytes) -> bytes:
    """Return a form of one part."""
    return b"--b\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + data + b"\r\n--b--\r\n"


class TestForms:
    async def test_a_file_without_a_name_is_refused(self, api: httpx.AsyncClient) -> None:
        for name in (b"", b'; filename=""', b"; filename*=UTF-8''a.py"):
            form = part(b"form-data; name=file" + name, b"print(1)")
            answer = await api.post(PATH, content=form, headers={"Content-Type": BOUNDED})
            [fault] = [error for error in answer.json()["errors"] if error["pointer"] != "/language"]
            assert (fault["pointer"], "no file name" in fault["detail"]) == ("/files/0/path", True)

    async def test_faults_have_the_places_of_json(
        self, api: httpx.AsyncClient, database: Database, folder: Path
    ) -> None:
        cases: list[tuple[Any, list[str]]] = [
            ([("language", ("l.txt", b"py")), ("file", ("a", b"x"))], ["/language"]),
            ([("language", (None, "py")), ("file", ("a", b"x")), ("odd/key", (None, "a"))], ["/odd~1key"]),
            ([("language", (None, "py")), ("file", ("a", b"x")), ("stdin", (None, "a\0"))], ["/stdin"]),
            ([("language", (None, "py")), ("file", ("a", b"x")), ("files", (None, "a"))], ["/files"]),
            (
                [("submission", (None, '{"language": "py"}')), ("language", (None, "py")), ("file", ("a", b"x"))],
                ["/language"],
            ),
            ([("submission", (None, '{"language": "py", "files": []}')), ("file", ("a", b"x"))], ["/files"]),
            ([("submission", (None, '{"language": "py", "tests": [{}, {"odd": 1}]}'))], ["/tests/1/odd", ""]),
            ([("submission", (None, "[]")), ("language", (None, "py")), ("file", ("a", b"x"))], ["/submission"]),
            ([("language", (None, "py")), ("file", ("a", b"x")), ("hold", (None, "yes"))], ["/hold"]),
            ([("language", (None, "py")), ("file", ("a", b"x")), ("upload", ("b", b"x"))], ["/upload"]),
            ([("language", (None, "py"))] * 2 + [("file", ("a", b"x"))], ["/language"]),
        ]  # fmt: skip
        for parts, pointers in cases:
            assert faults_of(await api.post(PATH, files=parts)) == [("pointer", pointer) for pointer in pointers]
        assert await nothing_stored(database, folder)

    async def test_an_archive_among_other_files_is_a_file(self, api: httpx.AsyncClient) -> None:
        files = [("file", ("a.py", b"x")), ("file", ("b.zip", b"no archive"))]
        answer = await api.post(PATH, data={"language": "py"}, files=files)
        assert [file["path"] for file in answer.json()["files"]] == ["a.py", "b.zip"]

    async def test_too_many_parts(self, api: httpx.AsyncClient) -> None:
        body = b"".join(part(b'form-data; name="a"', b"").removesuffix(b"--b--\r\n") for _ in range(1001))
        headers = {"Content-Type": BOUNDED}
        refused = await api.post(PATH, content=body + b"--b--\r\n", headers=headers)
        assert (faults_of(refused), "1000 parts" in refused.json()["detail"]) == ([("pointer", "")], True)

    async def test_a_malformed_form_is_a_400(self, api: httpx.AsyncClient) -> None:
        for kind, body in (
            ("multipart/form-data", b"--b\r\n"),
            ("multipart/form-data; boundary=", b"--b\r\n"),
            (f"multipart/form-data; boundary={'b' * 300}", b"--b\r\n"),
            (BOUNDED, b""),
            (BOUNDED, b"x"),
            (BOUNDED, part(b'form-data; name="a"', b"x").removesuffix(b"\r\n--b--\r\n")),
            (BOUNDED, part(b'form-data; name="a"', b"x").removesuffix(b"--\r\n")),
            (BOUNDED, part(b"form-data", b"x")),
            (BOUNDED, part(b'attachment; name="a"', b"x")),
            (BOUNDED, part(b'form-data; name="a"', b"\xff")),
            (BOUNDED, part(b'form-data; name="\xff"', b"x")),
            (BOUNDED, part(b'form-data; name="file"; filename="\xff"', b"x")),
            (BOUNDED, part(b'form-data; name="submission"', b"{")),
        ):
            answer = await api.post(PATH, content=body, headers={"Content-Type": kind})
            assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json"), body


async def test_faults_of_a_text_are_parameters(api: httpx.AsyncClient) -> None:
    for query, faults in (
        ("language=py&receipt=true", [("parameter", "receipt")]),
        ("language=py&entry=a", [("parameter", "entry")]),
        ("language=py&args=a", [("parameter", "args")]),
        ("language=py&checker=x", [("parameter", "checker")]),
        ("language=py&files=a", [("parameter", "files"), ("pointer", "")]),
        ("language=py&stdin=caf%E9", [("parameter", "stdin")]),
        ("language=py&%FF=1", [("pointer", "")]),
        ("language=py&wait=x&email=x", [("parameter", "wait"), ("parameter", "email")]),
        ("language=py&hold=1&source=1&odd=1", [("parameter", name) for name in ("source", "hold", "odd")]),
    ):
        answer = await api.post(f"{PATH}?{query}", content=b"x", headers={"Content-Type": "text/plain"})
        assert faults_of(answer) == faults


class TestShares:
    async def test_held_submissions_cost_no_run_and_no_mail(
        self, api_with: ApiWith, database: Database, alice: Key
    ) -> None:
        async with api_with(key_budget=1000, recipient_budget=2) as api:
            for _ in range(3):
                created(
                    await api.post(PATH, json={**BODY, "hold": True, "email": "a@example.com"}, headers=alice.headers)
                )
        subjects = {
            str(row["subject"]).partition(":")[0] for row in await fetch(database, "SELECT subject FROM budgets")
        }
        assert subjects == {"key", "bytes"}

    async def test_a_receipt_is_a_mail(self, api_with: ApiWith, database: Database, alice: Key) -> None:
        """A key has half of an address's mails: three of these six."""
        async with api_with(key_budget=1000, recipient_budget=6) as api:
            body = {**BODY, "email": "a@example.com"}
            created(await api.post(PATH, json={**body, "receipt": True}, headers=alice.headers))
            refused = await api.post(PATH, json={**body, "receipt": True}, headers=alice.headers)
            assert (refused.status_code, refused.json()["violated-policies"]) == (429, ["mails"])
            assert refused.json()["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
            assert int(refused.headers["Retry-After"]) > 0
            created(await api.post(PATH, json=body, headers=alice.headers))
            assert (await api.post(PATH, json=body, headers=alice.headers)).status_code == 429
            created(await api.post(PATH, json={**body, "email": None}, headers=alice.headers))
        assert await fetch(database, "SELECT count(*) FROM emails") == [{"count": 1}]

    async def test_all_texts_count_as_bytes(self, api_with: ApiWith, database: Database, alice: Key) -> None:
        test = {"stdin": "12", "expected_output": "345", "name": "é", "args": ["6", "78"]}
        options = {"tests": [test, test], "metadata": {"student": "9ab"}}
        async with api_with(key_bytes=3600) as api:
            created(await api.post(PATH, json={**BODY, **options}, headers=alice.headers))
        [row] = await fetch(
            database,
            "SELECT round(extract(epoch FROM used_until - now())) AS bytes FROM budgets WHERE subject LIKE 'bytes:%'",
        )
        assert int(str(row["bytes"])) in (30, 31)

    @pytest.mark.parametrize("keys", [{"tests": [{"stdin": "{}"}]}, {"expected_output": "{}"}], ids=str)
    async def test_tests_count_while_they_wait(self, api_with: ApiWith, alice: Key, keys: dict[str, Any]) -> None:
        # Random, so that the database can hardly compress it.
        body = {**BODY, **json.loads(json.dumps(keys).replace("{}", random.Random(1).randbytes(2000).hex()))}
        async with api_with(key_backlog_bytes=6000) as api:
            created(await api.post(PATH, json=body, headers=alice.headers))
            refused = await api.post(PATH, json=body, headers=alice.headers)
        assert (refused.status_code, "6000 bytes of sources, inputs and tests" in refused.text) == (429, True)

    async def test_a_full_backlog_refuses_before_anything_is_stored(
        self, api_with: ApiWith, database: Database, folder: Path
    ) -> None:
        async with api_with(max_backlog=1) as api:
            created(await post(api, hold=True))
            created(await post(api))
            async with api_with(max_backlog=1) as full:
                refused = await post(full)
                assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (503, True)
                # Faults come first.
                assert faults_of(await post(full, language="x")) == [("pointer", "/language")]
        assert len(await fetch(database, "SELECT FROM uploads")) == 2


async def test_nothing_is_registered_if_the_file_cannot_be_stored(
    api: httpx.AsyncClient, database: Database, store: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put(*_: object, **__: object) -> None:
        raise StoreUnavailable("it is full")

    monkeypatch.setattr(store, "put", put)
    monkeypatch.setattr("api_service.submissions.new_submission.MAX_IN_ROW", 0)
    answer = await post(api, email="a@example.com", receipt=True)
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert await nothing_stored(database, folder)


@pytest.mark.parametrize("extra", [0, 1])
async def test_a_short_source_is_in_its_row(
    api: httpx.AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    monkeypatch.setattr("api_service.submissions.new_submission.MAX_IN_ROW", 1000)
    source = "#" * (999 + extra) + "x"
    path = f"{PATH}/{created(await post(api, source=source, hold=True))}"
    assert len(objects(folder)) == extra
    assert (await api.get(f"{path}/source")).text == source
    part = await api.get(f"{path}/source", headers={"Range": "bytes=-3"})
    assert (part.status_code, part.content) == (206, b"##x")
    assert (await api.delete(path)).status_code == 204
    assert objects(folder) == []


async def test_short_sources_need_no_object_store(
    api: httpx.AsyncClient, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for method in ("put", "get", "read", "size", "delete"):
        monkeypatch.setattr(store, method, lambda key, *_, **__: asked.append(key))
    files = [{"path": "main.py", "content": "import a"}, {"path": "a.py", "content": ""}]
    path = f"{PATH}/{created(await post(api, source=None, files=files, hold=True))}"
    assert unpack((await api.get(f"{path}/source")).content) == {"main.py": b"import a", "a.py": b""}
    assert (await api.delete(path)).status_code == 204
    assert asked == []


async def test_a_deleted_id_is_not_used_again(api: httpx.AsyncClient, database: Database) -> None:
    for number in (1, 3, 9):
        await execute(database, "INSERT INTO deleted_uploads VALUES (:id)", id=number)
    assert [created(await post(api)) for _ in range(2)] == [2, 4]
    fields: dict[str, Any] = {"email": "a@example.com", "language": "py", "id": 9}
    answer = await api.post("/submit_email/", params=fields, files={"file": ("a.py", b"x")})
    assert (answer.status_code, "9 is taken" in answer.json()["detail"]) == (409, True)
    assert await fetch(database, "SELECT FROM uploads WHERE id = 9") == []


async def test_an_unknown_engine_is_waited_for(api: httpx.AsyncClient, database: Database, folder: Path) -> None:
    for keys in ({"limits": {"cpu_s": 1}}, {"compiler_args": ["-O2"]}, {"tests": [{"limits": {"cpu_s": 1}}]}):
        answer = await post(api, **keys)
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) > 0
    assert await nothing_stored(database, folder)
    created(await post(api, args=["a"], tests=None))


async def test_a_key_may_have_its_own_secret(api: httpx.AsyncClient, database: Database, alice: Key) -> None:
    body = {**BODY, "webhook_url": "https://example.com/hook"}
    await execute(database, "UPDATE api_keys SET webhook_secret = NULL")
    assert faults_of(await api.post(PATH, json=body, headers=alice.headers)) == [("pointer", "/webhook_url")]
    await execute(database, "UPDATE api_keys SET webhook_secret = :secret", secret=new_secret())
    created(await api.post(PATH, json=body, headers=alice.headers))


async def test_one_statement_registers_and_requests(
    database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Speed depends on it."""
    statements: list[str] = []
    fetch_each = Connection.fetch_each

    async def counted(self: Connection, sql: str, values: Any) -> Any:
        statements.extend([sql] * len(values))
        return await fetch_each(self, sql, values)

    def no_other(*_: Any) -> None:
        raise AssertionError("another statement takes one more round trip")

    def no_transaction(_: Database) -> None:
        raise AssertionError("a transaction takes two more round trips")

    monkeypatch.setattr(Connection, "fetch_each", counted)
    for method in ("fetch_one", "fetch_all", "execute"):
        monkeypatch.setattr(Connection, method, no_other)
    monkeypatch.setattr(Database, "transaction", no_transaction)
    submissions = Submissions(database, store, QuotaCosts(key_budget=1, recipient_budget=1))
    new = NewSubmission("py", "main.py", Object(b"x", "py"), hold=False)
    await submissions.post(Principal(None, frozenset(Scope)), new)
    assert len(statements) == 1


TESTED: Final = {"tests": [{"name": "a", "hidden": True}, {"points": 2.5}]}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"hold": True},
        {"email": "a@example.com", "receipt": True, "locale": "fa", "args": ["a"], "metadata": {"a": "b"}},
        TESTED,
        {**TESTED, "hold": True},
        {"limits": {"cpu_s": 5}, "checker": {"kind": "float", "tolerance": 0.5}, "webhook_url": "https://example.com/"},
        {"source": None, "files": [{"path": "a.py", "content": "x"}, {"path": "b.py", "content": ""}], "entry": "a.py"},
    ],
    ids=str,
)
async def test_the_answer_is_what_get_shows(api_with: ApiWith, database: Database, keys: dict[str, Any]) -> None:
    """It is made of the values that were stored, without a look at the database."""
    limits = {"cpu_s": 20, "wall_s": 20, "memory_bytes": 1 << 30, "output_bytes": 20, "processes": 20}
    await offer(database, info="3.11", compiled=False, limits=limits)
    settings = WebhookSettings.model_validate({"webhook_secret": new_secret()})
    async with api_with(webhooks=settings) as api:
        answer = await post(api, **keys)
        shown, again = answer.json(), (await api.get(f"{PATH}/{created(answer)}")).json()
    for each in (shown, again):
        if each["queue"] is not None:
            assert each["queue"].pop("estimated_start_at") is not None
    assert shown == again


async def test_posts_at_one_time_share_one_look_at_the_queue(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def slow(connection: Connection) -> Front:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.02)
        return await front(connection)

    monkeypatch.setattr("api_service.submissions.posted_positions.front", slow)
    together = await asyncio.gather(*(post(api) for _ in range(8)))
    later = [await post(api) for _ in range(4)]
    positions = [answer.json()["queue"]["position"] for answer in (*together, *later)]
    assert (sorted(positions[:8]), positions[8:]) == (list(range(1, 9)), list(range(9, 13)))
    assert asked == 1


@pytest.mark.parametrize("has_budgets", [False, True])
async def test_posts_at_one_time_share_a_transaction(
    api_with: ApiWith, database: Database, alice: Key, admin: Key, has_budgets: bool
) -> None:
    """The first is written at once, and those that come meanwhile together."""
    key = alice if has_budgets else admin
    async with api_with(key_budget=1000) as api:
        answers = await asyncio.gather(*(api.post(PATH, json=BODY, headers=key.headers) for _ in range(12)))
    rows = await fetch(database, "SELECT id, CAST(xmin AS text) AS writer FROM uploads")
    assert {row["id"] for row in rows} == {created(answer) for answer in answers}
    assert len({row["writer"] for row in rows}) < 12
    assert all(("RateLimit" in answer.headers) == has_budgets for answer in answers)


async def test_a_refused_post_fails_no_other_that_comes_with_it(
    api_with: ApiWith, database: Database, alice: Key
) -> None:
    bodies = [{**BODY, "email": "a@example.com"} if number % 3 else BODY for number in range(12)]
    async with api_with(key_budget=1000, recipient_budget=6) as api:
        answers = await asyncio.gather(*(api.post(PATH, json=body, headers=alice.headers) for body in bodies))
    stored = [created(answer) for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 429]
    # A key has half of an address's mails: three of these six.
    assert (len(stored), len(refused)) == (4 + 3, 8 - 3)
    assert all(answer.json()["violated-policies"] == ["mails"] for answer in refused)
    assert all("Retry-After" in answer.headers and "RateLimit" in answer.headers for answer in refused)
    assert {row["id"] for row in await fetch(database, "SELECT id FROM uploads")} == set(stored)
