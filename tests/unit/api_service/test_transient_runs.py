"""Which runs are repeated, and how the others are refused."""

import asyncio
from contextlib import aclosing
from typing import cast

import pytest

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.submissions.quota_costs import QuotaCosts
from api_service.transient.ended import EngineFailed, Quarantined
from api_service.transient.run_seconds import RunSeconds
from api_service.transient.runs import TransientRuns
from shared.adapters.database.connection import Database
from shared.adapters.engine.base import OpenedEngine
from shared.common.service.errors import EngineAway, EngineCrashed, EngineRefused, EngineUnavailable
from shared.common.service.retry import RetryPolicy
from shared.engine_api.codex import ALONE
from tests.factories import ended_test
from tests.fixtures.played_engine import STARTED, PlayedEngine, Step

OPERATOR = Principal(None, frozenset())
FIRST, SECOND = ended_test(number=1, stdout="one"), ended_test(number=2, stdout="two")

CRASH: list[Step] = [STARTED, EngineCrashed("gone")]
WELL: list[Step] = [STARTED, FIRST]


def runs_at(engine: PlayedEngine | None) -> TransientRuns:
    seconds = RunSeconds(cast("Database", None), QuotaCosts(1, 1))
    played = cast("OpenedEngine", engine)
    return TransientRuns((lambda: played) if engine else None, seconds, RetryPolicy(base=0.001, cap=0.001))


async def refusal(runs: TransientRuns, wait_s: float = 5.0, program: bytes = b"{}") -> ApiError:
    with pytest.raises(ApiError) as raised:
        await runs.run(OPERATOR, program, wait_s=wait_s)
    return raised.value


async def test_a_run_says_what_its_events_said() -> None:
    engine = PlayedEngine([STARTED, FIRST, SECOND])
    run = await runs_at(engine).run(OPERATOR, b"{}", wait_s=1)
    assert (run.compiled, run.tests) == (None, [FIRST, SECOND])
    assert engine.shares == ["key-0"]


async def test_an_engine_that_is_away_or_full_is_asked_again() -> None:
    engine = PlayedEngine([EngineAway("no")], [EngineAway("full", retry_after=0.001)], [STARTED, FIRST])
    assert (await runs_at(engine).run(OPERATOR, b"{}", wait_s=5)).tests == [FIRST]


async def test_it_is_not_asked_beyond_the_wait() -> None:
    refused = await refusal(runs_at(PlayedEngine([EngineAway("full", retry_after=9)])), wait_s=1)
    assert (refused.kind, refused.headers["Retry-After"]) == (Kind.UNAVAILABLE, "5")
    refused = await refusal(runs_at(PlayedEngine([EngineAway("no answer of 10.0.0.7")])), wait_s=0.0)
    assert "(it is away)" in refused.detail
    engine = PlayedEngine([asyncio.Event().wait])
    assert (await refusal(runs_at(engine), wait_s=0.01)).kind is Kind.UNAVAILABLE
    assert engine.ended == 1
    assert (await refusal(runs_at(None))).kind is Kind.UNAVAILABLE


async def test_a_refused_program_is_not_repeated() -> None:
    refused = await refusal(runs_at(PlayedEngine([EngineRefused("the engine refused the program: no")])))
    assert (refused.kind, refused.detail) == (Kind.INVALID, "The engine refused the program: no.")


async def test_a_run_that_fails_is_repeated_once() -> None:
    engine = PlayedEngine([STARTED, FIRST, EngineUnavailable("no")], [STARTED, FIRST, SECOND])  # the first comes once
    assert (await runs_at(engine).run(OPERATOR, b"{}", wait_s=0.5)).tests == [FIRST, SECOND]
    failing: list[Step] = [STARTED, EngineUnavailable("no")]
    runs = runs_at(PlayedEngine(failing, failing, [STARTED, FIRST]))
    assert isinstance(await refusal(runs), EngineFailed)
    assert (await runs.run(OPERATOR, b"{}", wait_s=1)).tests == [FIRST]


async def test_a_program_that_stops_engines_is_not_run_a_third_time() -> None:
    engine = PlayedEngine(CRASH, CRASH, WELL)
    runs = runs_at(engine)
    assert isinstance(await refusal(runs, program=b"bad"), Quarantined)
    assert isinstance(await refusal(runs, program=b"bad"), Quarantined)
    assert (await runs.run(OPERATOR, b"good", wait_s=1)).tests == [FIRST]
    assert engine.shares == ["key-0", ALONE, "key-0"]


async def test_a_program_that_ends_well_alone_is_not_suspected() -> None:
    engine = PlayedEngine(CRASH, WELL, WELL)
    runs = runs_at(engine)
    for _ in range(2):
        assert (await runs.run(OPERATOR, b"{}", wait_s=1)).tests == [FIRST]
    assert engine.shares == ["key-0", ALONE, "key-0"]


async def test_a_suspect_that_got_no_turn_is_not_refused() -> None:
    engine = PlayedEngine(CRASH, [EngineAway("full", retry_after=99)], WELL)
    runs = runs_at(engine)
    assert (await refusal(runs)).kind is Kind.UNAVAILABLE
    assert (await runs.run(OPERATOR, b"{}", wait_s=1)).tests == [FIRST]
    assert engine.shares == ["key-0", ALONE, ALONE]


async def test_neighbours_of_one_digest_are_not_the_cause() -> None:
    """They all ran when the engine stopped, and each runs again alone."""
    all_run = asyncio.Barrier(3)
    crash: list[Step] = [STARTED, all_run.wait, EngineCrashed("gone")]
    runs = runs_at(PlayedEngine(crash, crash, crash, WELL, WELL, WELL))
    ended = await asyncio.gather(*(runs.run(OPERATOR, b"{}", wait_s=5) for _ in range(3)))
    assert [run.tests for run in ended] == [[FIRST]] * 3


async def test_of_several_equal_runs_one_stops_an_engine_alone() -> None:
    all_run = asyncio.Barrier(3)
    crash: list[Step] = [STARTED, all_run.wait, EngineCrashed("gone")]
    engine = PlayedEngine(crash, crash, crash, CRASH, CRASH)
    runs = runs_at(engine)
    refused = await asyncio.gather(*(refusal(runs) for _ in range(3)))
    assert {type(refusal) for refusal in refused} == {Quarantined}
    assert engine.shares == ["key-0"] * 3 + [ALONE]


async def test_a_generator_that_is_closed_ends_the_run() -> None:
    engine = PlayedEngine([STARTED, FIRST])
    async with aclosing(runs_at(engine).events(OPERATOR, b"{}", wait_s=1)) as events:
        assert await anext(events) == STARTED
        assert engine.ended == 0
    assert engine.ended == 1
