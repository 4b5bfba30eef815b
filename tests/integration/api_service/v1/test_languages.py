"""The languages that API v1 offers: those of our engine, of a foreign one, and while nothing is known."""

import httpx

from shared.adapters.database.connection import Database
from shared.engine_api.codex import LanguageFramework, LanguageLibrary, LanguageVariant, LimitBounds, SupportedLanguage
from shared.engine_api.languages import ALIASES
from tests.integration.rows import execute, offer
from tests.integration.submission_rows import add

LIMITS = {
    "cpu_s": LimitBounds(default=10, max=60),
    "wall_s": LimitBounds(default=30.5, max=120),
    "memory_bytes": LimitBounds(default=1 << 28, max=1 << 30),
    "output_bytes": LimitBounds(default=1 << 20, max=1 << 20),
    "processes": LimitBounds(default=64, max=64),
}
CPP = SupportedLanguage(
    language="cpp",
    info="g++ 14.2.0",
    name="C++",
    version="14.2.0",
    aliases=["cpp", "c++"],
    extensions=[".cpp", ".cc"],
    compiled=True,
    compiler_args=["-O2", "-D*"],
    sample="int main() {}",
    fault="compile_error: no library",
    source="system",
    released=2024,
    limits=LIMITS,
    variants=[LanguageVariant(code="cpp20", name="C++20", version="14.2.0")],
    libraries=[LanguageLibrary(name="eigen", version="3.4")],
    unit_tests=[LanguageFramework(framework="junit", version="5.10.3")],
)
SHOWN = {
    "code": "cpp", "name": "C++", "aliases": ["c++"], "version": "14.2.0", "source": "system", "released": 2024,
    "variants": [{"code": "cpp20", "name": "C++20", "version": "14.2.0"}], "extensions": [".cpp", ".cc"],
    "compiled": True, "compiler_args": ["-O2", "-D*"], "sample": "int main() {}",
    "libraries": [{"name": "eigen", "version": "3.4"}], "fault": "compile_error: no library",
    "unit_tests": [{"framework": "junit", "version": "5.10.3"}],
    "limits": {"cpu_s": 10.0, "wall_s": 30.5, "memory_bytes": 1 << 28, "output_bytes": 1 << 20, "processes": 64},
}  # fmt: skip
#: A foreign engine does not report these.
UNKNOWN = {
    "version": None,
    "source": None,
    "released": None,
    "variants": [],
    "compiled": None,
    "compiler_args": [],
    "sample": None,
    "libraries": [],
    "unit_tests": [],
    "fault": None,
    "limits": dict.fromkeys(SHOWN["limits"]),  # type: ignore[call-overload]
}


async def offer_all(database: Database, *languages: SupportedLanguage) -> None:
    for one in languages:
        await offer(database, **one.model_dump(mode="json", exclude_none=True))


async def test_a_language_of_our_engine_is_shown_whole(api: httpx.AsyncClient, database: Database) -> None:
    await offer_all(database, CPP, SupportedLanguage(language="py", info="Python 3"))
    answer = await api.get("/v1/languages")
    assert answer.status_code == 200
    assert answer.json()["next"] is None
    python, shown = answer.json()["items"]
    assert shown == SHOWN
    assert python == {"code": "py", "name": "py", "aliases": ["python", "python3"], "extensions": [".py"], **UNKNOWN}


async def test_a_row_of_an_earlier_release_has_only_its_names(api: httpx.AsyncClient, database: Database) -> None:
    await execute(database, "INSERT INTO languages VALUES ('c', 'gcc', now()), ('bash', 'GNU bash', now())")
    assert (await api.get("/v1/languages/shell")).json()["code"] == "bash"
    assert (await api.get("/v1/languages/c")).json() == {
        "code": "c", "name": "c", "aliases": [], "extensions": [".c"], **UNKNOWN,
    }  # fmt: skip


async def test_a_language_that_does_not_work_here_is_unknown(api: httpx.AsyncClient, database: Database) -> None:
    await offer_all(database, CPP)
    for name in ("go", "brainf", "x" * 300, "%00", "a%2Fb"):
        answer = await api.get(f"/v1/languages/{name}")
        assert answer.status_code == 404, name
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_until_the_engine_is_known_all_names_are_listed(api: httpx.AsyncClient) -> None:
    items = (await api.get("/v1/languages")).json()["items"]
    assert [one["code"] for one in items] == list(ALIASES)
    assert (await api.get("/v1/languages/golang")).json()["code"] == "go"


async def test_the_bounds_of_limits_are_those_of_our_engine(api: httpx.AsyncClient, database: Database) -> None:
    assert (await api.get("/v1/limits")).json()["limits"] == dict.fromkeys(LIMITS)
    await offer_all(database, SupportedLanguage(language="py", info=""))
    assert (await api.get("/v1/limits")).json()["limits"] == dict.fromkeys(LIMITS)


async def test_a_foreign_engine_runs_a_submission_only_as_before(api: httpx.AsyncClient, database: Database) -> None:
    await offer(database)
    path = f"/v1/submissions/{await add(database)}/runs"
    answer = await api.post(path, json={"stdin": "5"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/stdin"]
    assert (await api.post(path, json={})).status_code == 202
