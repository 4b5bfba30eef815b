"""The table of languages follows the engine, and does not change while the engine does not answer."""

from collections.abc import Sequence

import pytest

from job_runner.engine.languages import Languages
from shared.adapters.database.connection import Database
from shared.common.service.errors import EngineUnavailable
from shared.engine_api.codex import SupportedLanguage
from tests.integration.rows import fetch


class Engine:
    """Returns `codes`, or fails like an engine that does not answer if they are None."""

    def __init__(self, *codes: str) -> None:
        self.codes: Sequence[str] | None = codes
        self.requests = 0

    async def languages(self) -> list[SupportedLanguage]:
        self.requests += 1
        if self.codes is None:
            raise EngineUnavailable("it is away")
        return [SupportedLanguage(language=code, info=f"{code} 1.0") for code in self.codes]


async def codes(database: Database) -> list[object]:
    return [row["code"] for row in await fetch(database, "SELECT code FROM languages ORDER BY code")]


async def test_the_table_holds_the_engines_languages(database: Database) -> None:
    engine = Engine("py", "c++")
    languages = Languages(database, engine.languages)
    await languages.run_once()
    assert await fetch(database, "SELECT code, info FROM languages ORDER BY code") == [
        {"code": "cpp", "info": "c++ 1.0"},
        {"code": "py", "info": "py 1.0"},
    ]
    engine.codes = ("py", "go")
    await languages.run_once()
    assert await codes(database) == ["go", "py"]


@pytest.mark.parametrize("slots", [None, 6])
async def test_the_table_holds_the_slots_of_all_engines(database: Database, slots: int | None) -> None:
    await Languages(database, Engine("py", "go").languages, lambda: slots).run_once()
    assert await fetch(database, "SELECT CAST(details ->> 'slots' AS integer) AS slots FROM languages") == [
        {"slots": slots},
        {"slots": slots},
    ]


async def test_an_engine_without_languages_changes_nothing(database: Database) -> None:
    engine = Engine("py")
    languages = Languages(database, engine.languages)
    await languages.run_once()
    engine.codes = ()
    await languages.run_once()
    assert await codes(database) == ["py"]
