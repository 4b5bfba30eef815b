"""Problems in API v1: packages, settings and versions, and who sees what of them."""

import hashlib
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from job_runner.problems.removal import remove_unneeded
from precieux_client import AsyncClient, Checker, InvalidRequest, ProblemLimits
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import ObjectNotFound, StoreUnavailable
from shared.records.accounts.api_keys import Scope
from shared.records.problems.files import FOLDER, key_of
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import CHECKED, PACKAGE, PATH, PUBLIC_URL, ZIP, Key, make_key, put
from tests.integration.rows import execute
from tests.problem_packages import LEGACY, pack

pytestmark = pytest.mark.usefixtures("problem_languages")


@pytest.fixture
async def client(api_with: ApiWith, setter: Key) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client with the key of the setter."""
    async with api_with() as client:
        client.headers.update(setter.headers)
        yield client


async def stored_objects(database: Database) -> set[str]:
    async with database.connection() as connection:
        return {row["sha256"] for row in await connection.fetch_all("SELECT sha256 FROM problem_objects")}


async def test_a_package_becomes_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.put(PATH, content=PACKAGE, headers=ZIP)
    assert answer.status_code == 201
    address = f"{PUBLIC_URL}{PATH}"
    assert answer.headers["Location"] == address
    problem = answer.json()
    assert problem["created_at"].endswith("Z")
    assert problem == {
        "name": "sum", "version": 1, "versions": 1, "title": "Sum", "titles": {"en": "Sum"}, "format": "legacy",
        "type": ["pass-fail"], "visibility": "private", "languages": None,
        "limits": {
            "cpu_s": 5.0, "wall_s": 12.0, "memory_bytes": 1 << 30, "output_bytes": 8 << 20, "source_bytes": 10_000,
        },
        "time_limit_from": "default", "language_limits": {},
        "judge_limits": {"cpu_s": 20.0, "memory_bytes": 1 << 30, "output_bytes": 8 << 20},
        "checker": {"kind": "icpc", "args": []}, "interactor": None, "unit_tests": None,
        "tests": {"sample": 1, "secret": 1},
        "groups": [
            {"name": "sample", "parent": None, "policy": "all", "points": None, "requires": [], "tests": 1},
            {"name": "secret", "parent": None, "policy": "all", "points": None, "requires": [], "tests": 1},
        ],
        "points": 1.0,
        "samples": [
            {"name": "sample/1", "input": "1\n", "answer": "2\n", "interaction": None, "truncated": []},
        ],
        "attachments": [], "digest": hashlib.sha256(PACKAGE).hexdigest(),
        "size_bytes": sum(len(text.encode()) for text in LEGACY.values()), "warnings": [],
        "created_at": problem["created_at"],
        "links": {
            "self": address, "package": f"{address}/package", "check": f"{address}/check",
            "submissions": f"{PUBLIC_URL}/v1/submissions?problem=sum",
        },
    }  # fmt: skip
    assert (await client.get(PATH)).json() == problem
    listed = (await client.get("/v1/problems")).json()
    assert listed == {"items": [{**problem, "samples": None, "warnings": None}], "next": None}


async def test_the_parts_of_a_package_are_shown(client: httpx.AsyncClient) -> None:
    problem = await put(client, CHECKED)
    assert (problem["format"], problem["type"], problem["time_limit_from"]) == ("2025-09", ["scoring"], "package")
    assert problem["checker"] == {
        "kind": "program", "protocol": "kattis", "language": "py", "entry": "check.py", "args": [],
        "files": [{"path": "check.py", "size_bytes": 21}], "compiler_args": [],
        "limits": {
            "cpu_s": 20.0, "wall_s": None, "memory_bytes": 1 << 30, "output_bytes": 8 << 20, "processes": None,
        },
    }  # fmt: skip
    assert (problem["points"], problem["groups"][-1]["policy"]) == (100.0, "sum")
    assert problem["attachments"] == [{"name": "notes.txt", "size_bytes": 5}]
    assert [warning["path"] for warning in problem["warnings"]] == ["data/secret/b.in"]


async def test_the_same_package_makes_nothing(client: httpx.AsyncClient) -> None:
    first = await put(client)
    again = await client.put(PATH, content=PACKAGE, headers=ZIP)
    assert (again.status_code, again.json()) == (200, first)
    assert "Location" not in again.headers
    titled = await put(client, title="Other")
    assert (titled["version"], titled["title"], titled["titles"]) == (1, "Other", {"en": "Sum"})
    assert (await put(client, limits={"cpu_s": 3}))["version"] == 2
    # A setting that is left out stays.
    assert (await put(client))["limits"]["cpu_s"] == 3
    other = await put(client, CHECKED)
    assert (other["version"], other["versions"], other["title"], other["limits"]["cpu_s"]) == (3, 3, "Other", 3)
    assert other["time_limit_from"] == "settings"
    back = await put(client, CHECKED, title=None, limits=None)
    assert (back["version"], back["title"], back["limits"]["cpu_s"]) == (4, "Sum", 2)


async def test_settings_are_patched(client: httpx.AsyncClient) -> None:
    await put(client)
    same = (await client.patch(PATH, json={"title": "T", "visibility": "shared"})).json()
    assert (same["version"], same["title"], same["visibility"]) == (1, "T", "shared")
    changed = await client.patch(
        PATH, json={"limits": {"cpu_s": 4, "memory_bytes": 1 << 26}, "language_limits": {"Python": {"cpu_s": 9}}}
    )
    assert changed.status_code == 200, changed.text
    problem = changed.json()
    assert (problem["version"], problem["time_limit_from"]) == (2, "settings")
    assert problem["limits"] == {
        "cpu_s": 4.0, "wall_s": 10.0, "memory_bytes": 1 << 26, "output_bytes": 8 << 20, "source_bytes": 10_000,
    }  # fmt: skip
    assert problem["language_limits"] == {
        "py": {"cpu_s": 9.0, "wall_s": None, "memory_bytes": None, "output_bytes": None}
    }
    assert (await client.get(f"{PATH}?version=1")).json()["limits"]["cpu_s"] == 5.0
    listed = (await client.get(f"{PATH}/versions")).json()["items"]
    assert [(item["version"], item["digest"], item["tests"]) for item in listed] == [
        (number, problem["digest"], {"sample": 1, "secret": 1}) for number in (2, 1)
    ]
    back = (await client.patch(PATH, json={"limits": None, "language_limits": None, "title": None})).json()
    assert (back["version"], back["title"], back["language_limits"]) == (3, "Sum", {})
    wrong = await client.patch(
        f"{PATH}?odd=1",
        json={"limits": {"cpu_s": 21, "processes": 1}, "language_limits": {"lisp": {}}, "visibility": "x", "name": 1},
    )
    places = ["/limits/processes", "/visibility", "/name", "/limits/cpu_s", "/language_limits/lisp", "odd"]
    assert sorted(fault.get("pointer", "odd") for fault in wrong.json()["errors"]) == sorted(places)


async def test_every_fault_of_a_package_is_told(client: httpx.AsyncClient, database: Database) -> None:
    broken = pack({"problem.yaml": "name: Sum\nwhat: 1\n", "data/secret/1.in": "1", "data/secret/2.ans": "1"})
    answer = await client.put(PATH, content=broken.getvalue(), headers=ZIP)
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert {error["path"] for error in errors} >= {"problem.yaml", "data/secret/1.in", "data/secret/2.ans"}
    assert all(error.keys() == {"path", "detail"} for error in errors)
    answer = await client.put(PATH, content=b"no zip", headers=ZIP)
    assert [error["path"] for error in answer.json()["errors"]] == [""]
    assert (await client.get(PATH)).status_code == 404
    assert await stored_objects(database) == set()


async def test_bodies_that_are_no_packages_are_refused(client: httpx.AsyncClient, api_with: ApiWith) -> None:
    async def refused(**request: Any) -> tuple[int, list[str]]:
        answer = await client.put(PATH, **request)
        assert answer.headers["Content-Type"] == "application/problem+json"
        return answer.status_code, [error.get("pointer", "") for error in answer.json().get("errors", ())]

    zipped = ("p.zip", PACKAGE)
    assert await refused(json={}) == (415, [])
    for boundary in ("", "b", "b" * 300):
        form = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        assert await refused(content=b"x", headers=form) == (400, [])
    assert await refused(files={"other": zipped}) == (422, ["/other", "/package"])
    assert await refused(files=[("package", zipped), ("package", zipped)]) == (422, ["/package"])
    assert await refused(files={"package": zipped, "problem": (None, "[]")}) == (422, [""])
    assert await refused(files={"package": zipped, "problem": (None, "{")}) == (400, [])
    assert await refused(files={"package": zipped, "problem": (None, '{"visibility": 1}')}) == (422, ["/visibility"])
    answer = await client.put("/v1/problems/Sum", content=PACKAGE, headers=ZIP)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "name")
    async with api_with(limits={"max_package_bytes": 200}) as small:
        small.headers.update(client.headers)
        requests: tuple[dict[str, Any], ...] = ({"content": PACKAGE, "headers": ZIP}, {"files": {"package": zipped}})
        for request in requests:
            assert (await small.put(PATH, **request)).status_code == 413


async def test_a_package_is_downloaded_as_it_was_sent(client: httpx.AsyncClient) -> None:
    await put(client)
    await put(client, CHECKED)
    answer = await client.get(f"{PATH}/package?version=1")
    assert (answer.content, answer.headers["Content-Type"]) == (PACKAGE, "application/zip")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(PACKAGE).hexdigest()}"'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sum-1.zip"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await client.get(f"{PATH}/package")).content == CHECKED
    headers = {"If-None-Match": answer.headers["ETag"]}
    assert (await client.get(f"{PATH}/package?version=1", headers=headers)).status_code == 304
    assert (await client.get(f"{PATH}/package?version=3")).status_code == 404
    assert (await client.get(f"{PATH}?version=0")).status_code == 422


async def test_other_keys_see_what_is_shared(client: httpx.AsyncClient, student: Key, database: Database) -> None:
    problem = await put(client, CHECKED)
    rival = await make_key(database, "rival", Scope.READ, Scope.PROBLEMS)
    paths = (PATH, f"{PATH}/versions", f"{PATH}/package")
    for path in paths:
        assert (await client.get(path, headers=rival.headers)).status_code == 404
    for path in (PATH, f"{PATH}?version=0"):
        assert (await client.get(path, headers=student.headers)).status_code == 404
    assert (await client.get(f"{PATH}/package", headers=student.headers)).status_code == 403
    assert (await client.put(PATH, content=PACKAGE, headers=ZIP | student.headers)).status_code == 403
    taken = await client.put(PATH, content=PACKAGE, headers=ZIP | rival.headers)
    assert (taken.status_code, taken.json()["type"].partition("#")[2]) == (409, "name_taken")
    await client.patch(PATH, json={"visibility": "shared"})
    seen = (await client.get(PATH, headers=student.headers)).json()
    secrets = dict.fromkeys(("digest", "size_bytes", "warnings", "checker", "interactor"))
    assert seen == {**problem, **secrets, "visibility": "shared"}
    assert [item["name"] for item in (await client.get("/v1/problems", headers=student.headers)).json()["items"]] == [
        "sum"
    ]
    private = await client.get("/v1/problems?visibility=private", headers=student.headers)
    assert private.json()["items"] == []
    for path in paths[1:]:
        assert (await client.get(path, headers=rival.headers)).status_code == 404
    for call in (client.patch(PATH, json={}, headers=rival.headers), client.delete(PATH, headers=rival.headers)):
        assert (await call).status_code == 404
    admin = await make_key(database, "admin", Scope.ADMIN)
    pushed = await client.put(PATH, content=PACKAGE, headers=ZIP | admin.headers)
    assert (pushed.status_code, pushed.json()["version"]) == (201, 2)
    assert (await client.get(f"{PATH}/package")).content == PACKAGE


async def test_the_list_has_pages(client: httpx.AsyncClient) -> None:
    names = ["a", "a-b", "a.c", "a_d", "b"]
    for name in names:
        await put(client, path=f"/v1/problems/{name}")
    found: list[str] = []
    page = (await client.get("/v1/problems?limit=2")).json()
    while True:
        found += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        page = (await client.get("/v1/problems", params={"limit": 2, "cursor": page["next"]})).json()
    assert found == sorted(names)
    assert (await client.get("/v1/problems?cursor=x")).status_code == 422


async def test_a_list_of_large_summaries_is_refused(api_with: ApiWith, setter: Key, database: Database) -> None:
    async with api_with(large_answers_bytes=4 * 70_000) as client:
        client.headers.update(setter.headers)
        await put(client)
        await put(client, path="/v1/problems/copy")
        large = "UPDATE problem_versions SET summary = summary || jsonb_build_object('title', repeat('x', 70000))"
        await execute(database, large)
        assert (await client.get("/v1/problems?limit=2")).status_code == 503
        await execute(database, f"{large} WHERE problem = 'sum'".replace("70000", "1"))
        assert (await client.get("/v1/problems?limit=2")).status_code == 200


async def test_numbers_of_a_deleted_problem_are_not_used_again(
    client: httpx.AsyncClient, database: Database, runner: Database, store: LocalStore
) -> None:
    await put(client)
    await put(client, CHECKED, visibility="shared", title="T")
    assert (await client.delete(f"{PATH}?version=1")).status_code == 204
    assert (await client.get(f"{PATH}?version=1")).status_code == 404
    assert (await client.get(PATH)).json()["versions"] == 1
    assert (await client.delete(f"{PATH}?version=1")).status_code == 404
    assert (await client.delete(PATH)).status_code == 204
    assert (await client.get(PATH)).status_code == 404
    objects = await stored_objects(database)
    await remove_unneeded(runner, store)
    assert await stored_objects(database) == set()
    for sha256 in objects:
        with pytest.raises(ObjectNotFound):
            await store.size(key_of(sha256))
    again = await put(client)
    assert (again["version"], again["visibility"], again["title"]) == (3, "private", "Sum")


async def test_no_file_of_a_package_is_read_whole(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the jury's nor a test's: a small zip may have very large ones."""
    large, most, pieces = b"#" * (5 << 20), 1 << 20, []
    read = zipfile.ZipExtFile.read

    def watched(self: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        piece = read(self, n)
        pieces.append(len(piece))
        return piece

    monkeypatch.setattr(zipfile.ZipExtFile, "read", watched)
    places = ["data/sample/1.interaction", "data/sample/1.in.statement", "data/secret/02.in", "data/secret/02.ans"]
    places += [
        "submissions/wrong_answer/big.py",
        "input_validators/big.py",
        "attachments/big.txt",
        "problem_statement/a",
    ]
    problem = await put(client, pack({**LEGACY, **dict.fromkeys(places, large)}).getvalue())
    assert problem["tests"] == {"sample": 1, "secret": 2}
    assert (max(pieces) <= most, sum(pieces) > len(places) * len(large)) == (True, True)


async def test_programs_that_cannot_run_are_not_stored(client: httpx.AsyncClient, database: Database) -> None:
    program = b"#" * (5 << 20)
    await put(client, pack({**LEGACY, "submissions/wrong_answer/big.py": program}).getvalue())
    assert hashlib.sha256(program).hexdigest() not in await stored_objects(database)


async def test_a_version_that_was_not_stored_is_not_seen(
    client: httpx.AsyncClient,
    database: Database,
    runner: Database,
    store: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await put(client)

    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("it is away")

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "put", fail)
        assert (await client.put(PATH, content=CHECKED, headers=ZIP)).status_code == 503
    assert (await client.get(PATH)).json()["version"] == 1
    await execute(database, "UPDATE problem_versions SET created_at = now() - interval '2 hours'")
    await remove_unneeded(runner, store)
    assert (await client.get(f"{PATH}/package")).content == PACKAGE
    assert hashlib.sha256(CHECKED).hexdigest() not in await stored_objects(database)
    assert (await put(client, CHECKED))["version"] == 3
    assert (await client.get(f"{PATH}/package")).content == CHECKED


async def test_a_file_is_stored_again_after_a_failed_cleaner(
    client: httpx.AsyncClient, runner: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(client)
    assert (await client.delete(PATH)).status_code == 204
    delete = LocalStore.delete

    async def fail(store: LocalStore, _: str) -> None:
        async for keys in store.keys(FOLDER):
            for key in keys:
                await delete(store, key)
        raise StoreUnavailable("it is away")

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "delete", fail)
        with pytest.raises(StoreUnavailable):
            await remove_unneeded(runner, store)
    await put(client)
    assert (await client.get(f"{PATH}/package")).content == PACKAGE
    assert (await client.get(PATH)).json()["samples"]


async def test_a_key_has_so_much_space(api_with: ApiWith, setter: Key, database: Database) -> None:
    async with api_with() as client:
        client.headers.update(setter.headers)
        await put(client)
    async with database.connection() as connection:
        stored = await connection.fetch_one(
            "SELECT CAST(sum(size_bytes) AS integer) AS of_files, count(*) AS files, (SELECT pg_column_size(manifest)"
            " + pg_column_size(summary) + pg_column_size(tests) FROM problem_versions) AS of_version"
            " FROM problem_objects"
        )
    assert stored
    used = stored["of_files"] + stored["of_version"] + 256 * stored["files"]
    most = used + stored["of_version"] + 256 * stored["files"] + 100
    async with api_with(limits={"key_problem_bytes": most}) as client:
        client.headers.update(setter.headers)
        [usage] = [one for one in (await client.get("/v1/usage")).json()["items"] if one["name"] == "problem_bytes"]
        assert usage == {
            "name": "problem_bytes", "limit": most, "used": used, "remaining": most - used, "window_s": None,
            "resets_at": None,
        }  # fmt: skip
        # The same bytes count once.
        await put(client, path="/v1/problems/copy")
        for refused in (
            await client.put(PATH, content=CHECKED, headers=ZIP),
            await client.patch(PATH, json={"limits": {"cpu_s": 3}}),
        ):
            assert refused.status_code == 429
            assert refused.json()["violated-policies"] == ["problem_bytes"]
        assert (await client.get(PATH)).json()["version"] == 1
        assert (await client.get("/v1/problems/copy")).status_code == 200


async def test_a_problem_has_so_many_versions(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_service.problems.storing._MAX_VERSIONS", 1)
    await put(client)
    for refused in (
        await client.put(PATH, content=CHECKED, headers=ZIP),
        await client.patch(PATH, json={"limits": {"cpu_s": 3}}),
    ):
        assert (refused.status_code, refused.json()["violated-policies"]) == (429, ["problem_versions"])
    assert (await client.patch(PATH, json={"title": "T"})).json()["version"] == 1


async def test_the_client_stores_and_reads_problems(client: httpx.AsyncClient, setter: Key) -> None:
    key = setter.headers["Authorization"].removeprefix("Bearer ")
    async with AsyncClient("http://127.0.0.1", key, transport=client._transport) as api:
        first = await api.push_problem("sum", PACKAGE)
        assert (first.version, first.checker, first.limits.source_bytes) == (1, Checker("icpc", None), 10_000)
        assert first.samples
        assert first.samples[0].input == "1\n"
        limits = ProblemLimits(cpu_s=3)
        pushed = await api.push_problem("sum", CHECKED, title="T", limits=limits, language_limits={"py": limits})
        assert (pushed.version, pushed.title, pushed.language_limits["py"]) == (2, "T", limits)
        patched = await api.patch_problem("sum", title=None, visibility="shared")
        assert (patched.title, patched.visibility, patched.limits.cpu_s) == ("Sum", "shared", 3)
        assert [one.name async for one in api.problems(visibility="shared")] == ["sum"]
        submission = await api.submit(language="py", source="print(1)", problem="sum@1", hold=True)
        assert (submission.problem, submission.checker) == ("sum@1", None)
        assert [one.id async for one in api.list(problem="sum")] == [submission.id]
        assert await api.package("sum", version=1) == PACKAGE
        with pytest.raises(InvalidRequest) as refused:
            await api.push_problem("sum", b"no zip")
        assert [fault.path for fault in refused.value.errors] == [""]
        await api.delete_problem("sum", version=2)
        assert (await api.problem("sum")).version == 1


async def test_a_statement_is_kept_also_of_a_package_that_an_older_release_stored(
    client: httpx.AsyncClient, database: Database, store: LocalStore
) -> None:
    text = b"# Add one\n"
    package = pack({**LEGACY, "problem_statement/problem.md": text}).getvalue()
    await put(client, package)
    sha256 = hashlib.sha256(text).hexdigest()
    assert await store.get(key_of(sha256)) == text
    assert (await client.put(PATH, content=package, headers=ZIP)).status_code == 200
    # As 1.0.0 has stored it.
    await execute(database, f"DELETE FROM problem_references WHERE sha256 = '{sha256}'")
    await execute(database, f"DELETE FROM problem_objects WHERE sha256 = '{sha256}'")
    await store.delete(key_of(sha256))
    assert (await put(client, package))["version"] == 2
    assert await store.get(key_of(sha256)) == text
