"""Section 2 of the contract: each row of the table of a request, and the other ways to send one."""

import base64
import io
import json
import zipfile
from typing import Any

import httpx
import pytest

from tests.fixtures.contract import Api, faults

pytestmark = pytest.mark.slow


def post(api: Api, **keys: Any) -> httpx.Response:
    body = {"language": "py", "hold": True} | keys
    if "files" not in body:
        body = {"source": "print(1)"} | body
    content = json.dumps({key: value for key, value in body.items() if value is not ...})
    return api.post("/v1/submissions", content=content, headers={"Content-Type": "application/json"})


def file(path: str, content: str = "1", **more: Any) -> dict[str, Any]:
    return {"path": path, "content": content} | more


def test_null_is_the_default_of_each_optional_key(owner: Api) -> None:
    names = "files entry stdin args compiler_args limits expected_output checker tests stop_at_first_failure email"
    names += " locale receipt webhook_url metadata"
    nulls = dict.fromkeys(names.split())
    body = post(owner, source="print(1)", **nulls)
    assert body.status_code == 201, body.text
    ours, plain = body.json(), post(owner).json()
    for one in (ours, plain):
        for key in ("id", "created_at", "links"):
            one.pop(key)
    assert ours == plain
    assert owner.post("/v1/submissions", json={"language": "py", "source": "1", "hold": None}).json()["state"] != "held"
    assert post(owner, limits={"cpu_s": None, "processes": None}).status_code == 201
    assert post(owner, checker={"kind": "float", "tolerance": None}).json()["checker"]["tolerance"] == 1e-6
    assert post(owner, checker={"kind": "lines", "tolerance": None}).status_code == 201
    assert post(owner, checker={"kind": None}).json()["checker"]["kind"] == "lines"
    test = dict.fromkeys(["name", "stdin", "args", "expected_output", "limits", "hidden", "points"])
    assert post(owner, tests=[test]).status_code == 201
    assert post(owner, source=None, files=[file("a.py", encoding=None)]).status_code == 201


def test_the_locale_is_that_of_accept_language(owner: Api) -> None:
    body = {"language": "py", "source": "1", "hold": True}
    headers = {"Accept-Language": "de, fa;q=0.5, en;q=0.4"}
    assert owner.post("/v1/submissions", json=body, headers=headers).json()["locale"] == "fa"
    assert owner.post("/v1/submissions", json=body | {"locale": "en"}, headers=headers).json()["locale"] == "en"


# Multipart.


def parts(api: Api, files: list[Any], **fields: Any) -> httpx.Response:
    fields = {"language": "py", "hold": "true"} | fields
    return api.post("/v1/submissions", files=files, data={k: v for k, v in fields.items() if v is not ...})


def test_parts_are_files(owner: Api) -> None:
    files = [("file", ("lib/a.py", b"A = 1")), ("file", ("main.py", b"print(1)"))]
    answer = parts(owner, files, entry="main.py", stdin="7", email="a@example.com", stop_at_first_failure="false")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["files"] == [{"path": "lib/a.py", "size_bytes": 5}, {"path": "main.py", "size_bytes": 8}]
    assert (body["entry"], body["email"]) == ("main.py", "a@example.com")


def test_a_source_may_be_a_field(owner: Api) -> None:
    answer = owner.post(
        "/v1/submissions", files={"language": (None, "py"), "source": (None, "print(1)"), "hold": (None, "true")}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["entry"] == "main.py"


def test_the_input_may_be_a_file(owner: Api) -> None:
    body = owner.post(
        "/v1/submissions?wait=20",
        files=[("file", ("a.py", b"print(input())")), ("stdin", ("in.txt", b"42\n"))],
        data={"language": "py"},
    ).json()
    assert body["run"]["stdout"] == "42\n"


def test_one_part_may_hold_the_other_keys(owner: Api) -> None:
    part = json.dumps({"language": "py", "hold": True, "args": ["a"], "metadata": {"a": "1"}})
    files: list[Any] = [("file", ("a.py", b"1")), ("submission", (None, part, "application/json"))]
    body = owner.post("/v1/submissions", files=files)
    assert body.status_code == 201, body.text
    assert (body.json()["args"], body.json()["metadata"]) == (["a"], {"a": "1"})


# Archives.


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def archive(api: Api, content: bytes, name: str = "a.zip", **fields: str) -> httpx.Response:
    return parts(api, [("file", (name, content))], **fields)


def test_an_archive_is_unpacked(owner: Api) -> None:
    content = zipped(("lib/", b""), ("main.py", b"import lib.a"), ("lib/a.py", b"print(5)"))
    answer = archive(owner, content, hold="false")
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    assert answer.json()["files"] == [{"path": "main.py", "size_bytes": 12}, {"path": "lib/a.py", "size_bytes": 8}]
    assert owner.read(f"/v1/submissions/{number}", wait=20)["run"]["stdout"] == "5\n"
    stored = archive(owner, zipped(("a.py", b"1"), method=zipfile.ZIP_STORED), entry="a.py")
    assert stored.json()["entry"] == "a.py"
    assert archive(owner, content, name="A.ZIP").json()["entry"] == "main.py"


def test_bad_archives(owner: Api) -> None:
    """`tests/unit/shared/test_archives.py` has the others."""
    bomb = zipped(("a.py", b"\0" * (owner.read("/v1/limits")["max_source_bytes"] + 1)))
    assert len(bomb) < 10_000
    for content in (b"PK nothing", zipped(("../a.py", b"1")), bomb):
        assert faults(archive(owner, content)) == {"/files"}


# Raw bodies.


def raw(api: Api, query: str, content: bytes = b"print(1)", kind: str = "text/plain") -> httpx.Response:
    return api.post(f"/v1/submissions?{query}", content=content, headers={"Content-Type": kind})


def test_a_raw_body_is_the_source(owner: Api) -> None:
    query = "language=py&stdin=7&email=a%40example.com&hold=true&stop_at_first_failure=false&locale=fa"
    answer = raw(owner, query, kind="text/x-python; charset=utf-8")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["email"], body["locale"], body["state"]) == ("a@example.com", "fa", "held")
    assert owner.get(f"/v1/submissions/{body['id']}/source").content == b"print(1)"


def test_binary_sources_come_in_base64(owner: Api) -> None:
    content = bytes(range(256))
    files = [file("a.py", "print(1)"), file("data", base64.b64encode(content).decode(), encoding="base64")]
    body = post(owner, files=files, source=...).json()
    got = owner.get(f"/v1/submissions/{body['id']}/source")
    assert got.headers["content-type"] == "application/zip"
    assert "attachment" in got.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(got.content)) as sources:
        assert {name: sources.read(name) for name in sources.namelist()} == {"a.py": b"print(1)", "data": content}
