"""`/output`, `/stderr` and `/source`: the bytes as they are, in ranges, and safe in a browser."""

import hashlib
import json
from urllib.parse import quote

import httpx

from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from tests.integration.api_service.v1.conftest import PUBLIC_URL
from tests.integration.rows import add_upload
from tests.integration.submission_rows import add, end, make_job, request


async def add_run(database: Database, store: LocalStore, upload: int, stdout: bytes = b"1\n", **result: object) -> None:
    await request(database, upload)
    job = await make_job(database, upload)
    key = f"results/{job}-1-ab.txt"
    await store.put(key, stdout)
    columns: dict[str, object] = {"verdict": "ok", "output": "", "stderr": "error: é", "output_key": key, **result}
    await end(database, job, "executed", **columns)


async def test_the_bytes_of_a_classic_submission(api: httpx.AsyncClient, database: Database, store: LocalStore) -> None:
    upload = await add_upload(database, language="Python", object_key=None)
    await store.put(f"{upload}.py", b"print(1)")
    await add_run(database, store, upload, b"1\n", stderr=None, error="Traceback")
    path = f"/v1/submissions/{upload}"
    for name, text in (("source", "print(1)"), ("output", "1\n"), ("stderr", "Traceback")):
        answer = await api.get(f"{path}/{name}")
        assert answer.text == text
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        head = await api.head(f"{path}/{name}", headers={"Range": "bytes=1-1"})
        assert (head.status_code, head.headers["Content-Length"], head.headers["Accept-Ranges"]) == (
            200, str(len(text)), "bytes",
        )  # fmt: skip
        assert (await api.get(f"{path}/{name}", headers={"Range": "bytes=1-1"})).text == text[1]
    await add_run(database, store, upload, b"", stderr=None, error="main.c: error", verdict="compile_error")
    assert (await api.get(f"{path}/stderr")).text == ""
    beyond = await api.get(f"{path}/output", headers={"Range": "bytes=0-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */0")
    await add_run(database, store, upload, b"", stderr=None, output="of the original", output_key=None)
    assert (await api.get(f"{path}/output")).text == "of the original"


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
