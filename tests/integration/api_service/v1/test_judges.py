"""Submissions that programs judge, in API v1: stored rows, answers, and complete removal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from job_runner.upkeep.orphans import Orphans
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from tests.integration.rows import execute

pytestmark = pytest.mark.usefixtures("problem_languages")

PATH: Final = "/v1/submissions"
JUDGE: Final[dict[str, Any]] = {
    "protocol": "testlib",
    "language": "Python",
    "files": [{"path": "check.py", "content": "SECRET"}, {"path": "lib/a.py", "content": "x = 1"}],
    "entry": "check.py",
    "args": ["strict"],
    "limits": {"cpu_s": 7},
}
CHECKER: Final = {"kind": "program", **JUDGE}
BODY: Final[dict[str, Any]] = {"language": "py", "source": "print(1)"}


async def post(api: httpx.AsyncClient, path: str = PATH, **keys: Any) -> dict[str, Any]:
    answer = await api.post(path, json={**BODY, **keys} if path == PATH else keys)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def stored(folder: Path) -> list[str]:
    """Return the endings of the objects, after the dots of their names."""
    return sorted(path.name.partition(".")[2] for path in (folder / "objects").rglob("*") if path.is_file())


async def test_a_judge_comes_back_without_its_source(api: httpx.AsyncClient, tmp_path: Path) -> None:
    created = await post(api, interactor=JUDGE, checker=CHECKER)
    judge = {
        "protocol": "testlib",
        "language": "py",
        "entry": "check.py",
        "files": [{"path": "check.py", "size_bytes": 6}, {"path": "lib/a.py", "size_bytes": 5}],
        "args": ["strict"],
        "compiler_args": [],
        "limits": {
            "cpu_s": 7.0, "wall_s": 14.0, "memory_bytes": 1 << 30, "output_bytes": 8 << 20, "processes": 64,
        },
    }  # fmt: skip
    assert (created["checker"], created["interactor"]) == ({"kind": "program", **judge}, judge)
    assert created["problem"] is None
    path = f"{PATH}/{created['id']}"
    read, listed, events = await api.get(path), await api.get(PATH), await api.get(f"{path}/runs")
    assert read.json() == {**created, "queue": read.json()["queue"]}
    assert listed.json()["items"][0]["interactor"] == judge
    assert "SECRET" not in read.text + listed.text + events.text
    assert (await api.get(f"{path}/source")).content == b"print(1)"
    assert stored(tmp_path) == ["py.checker", "py.interactor"]


@pytest.mark.parametrize("kind", ["program", "of a newer release"])
async def test_the_files_of_judges_go_with_their_submission(
    api: httpx.AsyncClient, database: Database, tmp_path: Path, kind: str
) -> None:
    created = await post(api, interactor=JUDGE, checker=CHECKER, hold=True)
    sql = "UPDATE uploads SET spec = jsonb_set(spec, '{checker,kind}', to_jsonb(CAST(:kind AS text)))"
    await execute(database, sql, kind=kind)
    assert (await api.delete(f"{PATH}/{created['id']}")).status_code == 204
    assert stored(tmp_path) == []


async def test_files_of_judges_without_a_row_are_removed_later(
    api: httpx.AsyncClient,
    database: Database,
    runner: Database,
    store: LocalStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api_service.submissions.new_submission.MAX_IN_ROW", 0)
    kept, lost = await post(api, checker=CHECKER), await post(api, interactor=JUDGE)
    # The source of the first one could be a judge's, by its name.
    await post(api, files=[{"path": "main.checker", "content": "print(1)"}], source=None)
    await execute(database, "DELETE FROM uploads WHERE id = :id", id=lost["id"])
    later = datetime.now(UTC).date() + timedelta(days=2)
    await Orphans(runner, store, lambda: later).remove()
    assert kept["id"] != lost["id"]
    assert stored(tmp_path) == ["checker", "py", "py.checker"]
