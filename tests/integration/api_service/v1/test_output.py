"""`/output`, `/stderr` and `/source`: the bytes as they are, in ranges, and safe in a browser."""

import hashlib
import io
import json
import zipfile
from urllib.parse import quote

import httpx
import pytest
from fastapi import Request
from fastapi.responses import StreamingResponse

from api_service.v1.content import Content, content_answer
from shared.archives import pack
from shared.database.connection import Database
from shared.storage.local import LocalStore
from tests.integration.api_service.v1.conftest import PUBLIC_URL
from tests.integration.rows import add_upload, execute
from tests.integration.submission_rows import add, end, make_job, request

pytestmark = pytest.mark.integration

STDOUT = b"one\0two \xf0\x9f\x8e\x89\xff\n"


async def add_run(database: Database, store: LocalStore, upload: int, stdout: bytes = STDOUT, **result: object) -> None:
    await request(database, upload)
    job = await make_job(database, upload)
    key = f"results/{job}-1-ab.txt"
    await store.put(key, stdout)
    columns: dict[str, object] = {"verdict": "ok", "output": "", "stderr": "error: é", "output_key": key, **result}
    await end(database, job, "executed", **columns)


async def test_the_bytes_of_the_latest_run(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add(database)
    path = f"/v1/submissions/{upload}"
    for name in ("output", "stderr"):
        assert (await api.get(f"{path}/{name}")).status_code == 404
    await add_run(database, store, upload, b"first")
    await add_run(database, store, upload)
    output, stderr = await api.get(f"{path}/output"), await api.get(f"{path}/stderr")
    assert (output.content, stderr.text) == (STDOUT, "error: é")
    for answer in (output, stderr):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Content-Length"] == str(len(answer.content))
        assert "Content-Encoding" not in answer.headers
    assert (await api.get(f"{path}/output?run=1")).content == b"first"
    for query in ("run=3", "run=1&run=2", "run=0", "run=x", "test=1", "x=1"):
        answer = await api.get(f"{path}/output?{query}")
        assert answer.status_code == (404 if query == "run=3" else 422), query
    await request(database, upload)
    assert (await api.get(f"{path}/output")).status_code == 404
    assert (await api.get(f"{path}/output?run=2")).content == STDOUT


@pytest.mark.parametrize(
    ("field", "status", "expected", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=9-99999", 206, b"9", "bytes 9-9/10"),
        (f"bytes=9-{10**30}", 206, b"9", "bytes 9-9/10"),
        (f"bytes=-{10**30}", 206, b"0123456789", "bytes 0-9/10"),
        (f"bytes={10**30}-", 416, None, "bytes */10"),
        ("Bytes= 0-0 ", 206, b"0", "bytes 0-0/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=10-12", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=5-4", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=a-b", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes 0-1", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=--1", 200, b"0123456789", None),
        ("", 200, b"0123456789", None),
    ],
)
@pytest.mark.parametrize("name", ["output", "stderr", "source"])
async def test_a_range_of_the_bytes(
    api: httpx.AsyncClient,
    database: Database,
    store: LocalStore,
    name: str,
    field: str,
    status: int,
    expected: bytes | None,
    content_range: str | None,
) -> None:
    upload = await add(database, object_key="1.py")
    await store.put("1.py", b"0123456789")
    await add_run(database, store, upload, b"0123456789", stderr="0123456789")
    answer = await api.get(f"/v1/submissions/{upload}/{name}", headers={"Range": field})
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, content_range)
    if expected is None:
        assert answer.headers["Content-Type"] == "application/problem+json"
    else:
        assert (answer.content, answer.headers["Content-Length"]) == (expected, str(len(expected)))


async def test_a_range_of_nothing(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add(database)
    await add_run(database, store, upload, b"")
    path = f"/v1/submissions/{upload}/output"
    assert ((await api.get(path)).status_code, (await api.get(path)).content) == (200, b"")
    for field in ("bytes=0-", "bytes=-1"):
        answer = await api.get(path, headers={"Range": field})
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */0")


async def test_a_range_of_an_unknown_version_is_everything(
    api: httpx.AsyncClient, database: Database, store: LocalStore
) -> None:
    upload = await add(database)
    await add_run(database, store, upload)
    headers = {"Range": "bytes=0-1", "If-Range": '"x"'}
    assert (await api.get(f"/v1/submissions/{upload}/output", headers=headers)).status_code == 200


async def test_standard_error_may_be_any_bytes(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add(database)
    await add_run(database, store, upload, stderr="caf\N{REPLACEMENT CHARACTER}", stderr_bytes=b"caf\xe9")
    assert (await api.get(f"/v1/submissions/{upload}/stderr")).content == b"caf\xe9"
    part = await api.get(f"/v1/submissions/{upload}/stderr", headers={"Range": "bytes=-2"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"f\xe9", "bytes 2-3/4")


async def test_head_has_the_header_fields(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add(database)
    await add_run(database, store, upload)
    answer = await api.head(f"/v1/submissions/{upload}/output")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", str(len(STDOUT)))


async def test_the_outputs_of_tests(api: httpx.AsyncClient, database: Database) -> None:
    tests = [{"name": str(n), "stdin": "", "hidden": n == 2, "points": 1} for n in (1, 2, 3)]
    upload = await add(database, tests=json.dumps(tests))
    await request(database, upload)
    job = await make_job(database, upload)
    path = f"/v1/submissions/{upload}/output"
    assert (await api.get(f"{path}?test=1")).status_code == 404
    for number in (1, 2):
        await execute(
            database,
            "INSERT INTO test_results (job, number, attempt, verdict, points_awarded, stdout, stderr)"
            " VALUES (:job, :number, 1, 'ok', 1, :stdout, :stderr)",
            job=job,
            number=number,
            stdout=b"%d" % number + STDOUT,
            stderr=b"e%d" % number,
        )
    await end(database, job, verdict="ok", output="all of them", error="", points=3.0, points_awarded=2.0)
    for number in (1, 2):
        assert (await api.get(f"{path}?test={number}")).content == b"%d" % number + STDOUT
        assert (await api.get(f"{path}?test={number}&run=1", headers={"Range": "bytes=1-3"})).content == b"one"
        assert (await api.get(f"/v1/submissions/{upload}/stderr?test={number}")).text == f"e{number}"
    assert (await api.get(f"{path}?test=3")).status_code == 404
    assert (await api.get(f"{path}?test=1&run=2")).status_code == 404
    missing = await api.get(path)
    assert (missing.status_code, missing.json()["errors"][0]["parameter"]) == (422, "test")


async def test_the_source_of_one_file(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add(database, object_key="5.py")
    path = f"/v1/submissions/{upload}/source"
    assert (await api.get(path)).status_code == 404
    await store.put("5.py", STDOUT)
    answer = await api.get(path)
    assert (answer.content, answer.headers["Content-Type"]) == (STDOUT, "text/plain; charset=utf-8")
    assert "Content-Disposition" not in answer.headers
    assert (await api.get(f"{path}?run=1")).status_code == 422


async def test_the_sources_of_several_files(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add(database, object_key="6.zip")
    files = {"main.py": b"import b", "a/b.py": STDOUT}
    await store.put("6.zip", pack(files))
    answer = await api.get(f"/v1/submissions/{upload}/source")
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="submission-{upload}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    part = await api.get(f"/v1/submissions/{upload}/source", headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"PK")


async def test_the_bytes_of_a_classic_submission(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add_upload(database, language="Python", object_key=None)
    await store.put(f"{upload}.py", b"print(1)")
    await add_run(database, store, upload, b"1\n", stderr=None, error="Traceback")
    path = f"/v1/submissions/{upload}"
    assert (await api.get(f"{path}/source")).text == "print(1)"
    assert (await api.get(f"{path}/output")).text == "1\n"
    assert (await api.get(f"{path}/stderr")).text == "Traceback"
    await add_run(database, store, upload, b"", stderr=None, error="main.c: error", verdict="compile_error")
    assert (await api.get(f"{path}/stderr")).text == ""
    await add_run(database, store, upload, b"", stderr=None, output="of the original", output_key=None)
    assert (await api.get(f"{path}/output")).text == "of the original"


async def test_no_more_is_read_than_the_client_takes() -> None:
    read = []

    async def piece(start: int, length: int) -> bytes:
        read.append((start, length))
        return bytes(length)

    request = Request({"type": "http", "headers": [(b"range", b"bytes=5-")]})
    answer = await content_answer(request, Content(1 << 30, piece))
    assert isinstance(answer, StreamingResponse)
    pieces = aiter(answer.body_iterator)
    assert [len(await anext(pieces)) for _ in range(2)] == [32 << 10] * 2
    assert read == [(5, 32 << 10), (5 + (32 << 10), 32 << 10)]


async def test_the_recipients_page(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    tests = [{"name": name, "stdin": "", "hidden": name == "two", "points": 1} for name in ("one", "two")]
    upload = await add(database, tests=json.dumps(tests))
    await request(database, upload)
    job = await make_job(database, upload)
    await execute(
        database,
        "INSERT INTO test_results (job, number, attempt, verdict, points_awarded, stdout, stderr)"
        " VALUES (:job, 1, 1, 'ok', 1, '<b>shown', ''), (:job, 2, 1, 'accepted', 1, 'secret', 'secret')",
        job=job,
    )
    await end(database, job, verdict="ok", output="", error="")
    link = (await api.get(f"/v1/submissions/{upload}")).json()["links"]["page"].removeprefix(PUBLIC_URL)
    answer = await api.get(link, headers={"Accept": "text/plain"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text == f"Submission {upload}: ok\nTest one: ok\n<b>shown\nTest two: accepted"
    html = (await api.get(link)).text
    assert "<b>shown" not in html
    assert "secret" not in html
    for bad in (link[:-1], link.replace("expires=", "expires=1"), link.replace(f"/{upload}?", f"/{upload + 1}?")):
        assert (await api.get(bad)).status_code == 403
    assert (await api.delete(f"/v1/submissions/{upload}")).status_code == 204
    assert (await api.get(link)).status_code == 404
    ours = await add(database, email=None)
    assert (await api.get(f"/v1/submissions/{ours}")).json()["links"]["page"] is None


PNG = b"\x89PNG\r\n\x1a\n0123"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def add_artifacts(
    database: Database, store: LocalStore, upload: int, files: dict[str, tuple[str, bytes]]
) -> None:
    """Add a run with these artifacts: their types and contents by name."""
    stored = []
    for number, (name, (media_type, content)) in enumerate(files.items(), 1):
        key = f"results/{upload}-1-ab-{number}"
        await store.put(key, content)
        stored.append(
            {"name": name, "bytes": len(content), "media_type": media_type, "sha256": sha256(content), "key": key}
        )
    await add_run(database, store, upload, artifacts=json.dumps(stored), artifacts_left_out='{"too_many": 2}')


async def test_artifacts_are_listed_with_their_addresses(
    api: httpx.AsyncClient, database: Database, store: LocalStore
) -> None:
    upload = await add(database)
    await add_artifacts(database, store, upload, {"a b-é?.png": ("image/png", PNG)})
    submission = (await api.get(f"/v1/submissions/{upload}")).json()
    run = (await api.get(f"/v1/submissions/{upload}/runs/1")).json()
    assert submission["run"] == run
    [artifact] = run["artifacts"]
    assert list(artifact) == ["name", "bytes", "media_type", "url"]
    assert (artifact["name"], artifact["bytes"], artifact["media_type"]) == ("a b-é?.png", 12, "image/png")
    assert artifact["url"] == f"{PUBLIC_URL}/v1/submissions/{upload}/artifacts/a%20b-%C3%A9%3F.png?run=1"
    assert run["artifacts_left_out"] == {"too_many": 2}
    assert (await api.get(artifact["url"].removeprefix(PUBLIC_URL))).content == PNG
    [item] = (await api.get(f"/v1/submissions/{upload}/runs")).json()["items"]
    assert (item["artifacts"], item["artifacts_left_out"]) == (None, {})


async def test_an_image_may_be_shown_and_all_else_is_saved(
    api: httpx.AsyncClient, database: Database, store: LocalStore
) -> None:
    upload = await add(database)
    files = {
        "é.png": ("image/png", PNG),
        'x"\\%.svg': ("application/octet-stream", b"<svg onload='alert(1)'/>"),
        "x.html": ("application/octet-stream", b"<script>alert(1)</script>"),
        "x.csv": ("text/csv; charset=utf-8", b"1,2"),
    }
    await add_artifacts(database, store, upload, files)
    answers = [await api.get(f"/v1/submissions/{upload}/artifacts/{quote(name, safe='')}") for name in files]
    for answer, (media_type, content) in zip(answers, files.values(), strict=True):
        assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, content, media_type)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert [answer.headers["Content-Disposition"] for answer in answers] == [
        "inline; filename=\"_.png\"; filename*=UTF-8''%C3%A9.png",
        "attachment; filename=\"x___.svg\"; filename*=UTF-8''x%22%5C%25.svg",
        'attachment; filename="x.html"',
        'attachment; filename="x.csv"',
    ]


async def test_artifacts_have_entity_tags_and_ranges(
    api: httpx.AsyncClient, database: Database, store: LocalStore
) -> None:
    upload = await add(database)
    await add_artifacts(database, store, upload, {"x": ("image/png", PNG)})
    path = f"/v1/submissions/{upload}/artifacts/x"
    whole = await api.get(path)
    tag = whole.headers["ETag"]
    assert (whole.status_code, tag) == (200, f'"{sha256(PNG)}"')
    same = await api.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    for condition, status in ((tag, 206), ('"other"', 200)):
        answer = await api.get(path, headers={"Range": "bytes=8-9", "If-Range": condition})
        assert (answer.status_code, answer.content) == (status, b"01" if status == 206 else PNG)
    assert (await api.get(path, headers={"Range": "bytes=12-"})).status_code == 416


async def test_what_is_no_artifact_is_not_found(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add(database)
    assert (await api.get(f"/v1/submissions/{upload}/artifacts/x")).status_code == 404
    await add_artifacts(database, store, upload, {"x": ("image/png", PNG)})
    await add_run(database, store, upload)
    for path in (
        "x",
        "y?run=1",
        "%00?run=1",
        "%2e%2e?run=1",
        "x%2Fx?run=1",
        "x?run=3",
        f"..%2f{upload}-1-ab.txt?run=1",
    ):
        answer = await api.get(f"/v1/submissions/{upload}/artifacts/{path}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json"), path
    assert (await api.get(f"/v1/submissions/{upload}/artifacts/x?run=1")).content == PNG
    assert (await api.get(f"/v1/submissions/{upload}/artifacts/x?run=0")).status_code == 422


@pytest.mark.parametrize("size", [10, 100_000])
async def test_an_artifact_that_has_changed_is_not_sent(size: int) -> None:
    """The last piece is held back, so the client sees that the answer was cut."""

    async def changed(start: int, length: int) -> bytes:
        return b"x" * length

    sent = 0

    async def send() -> None:
        nonlocal sent
        content = Content(size, changed, digest=sha256(b"y" * size))
        answer = await content_answer(Request({"type": "http", "headers": []}), content)
        assert isinstance(answer, StreamingResponse)
        async for piece in answer.body_iterator:
            sent += len(piece)

    with pytest.raises(EOFError, match="not those"):
        await send()
    assert sent < size
