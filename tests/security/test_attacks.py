"""Every attack against a real executor, judged by the answer and by the state of the host (docs/security.md).

All attacks of a mode run at the same time, as real ones would; then the tests check the outcome of each. An attack
prints HELD if it was stopped everywhere, else ESCAPED. The ordinary run attacks the executor as it comes (as root if we
are root). The slow run attacks it also without cgroups, without warm runtimes, and, if we are root, as an ordinary user
without and with subordinate ids.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from executor.languages import known
from tests.fixtures.executor import EVERY_MODE, RunningExecutor, running_executor
from tests.fixtures.languages import need_language
from tests.fixtures.processes import pids_below, processes_named
from tests.security.attacks import Attack, load
from tests.security.host import Host, host, zygotes
from tests.stretch import stretch
from tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.security, pytest.mark.timeout(1800 * PATIENCE)]  # the first test waits for all attacks

_ATTACKS = load()
_CONCURRENCY = 4
#: The CPU time of a compiler. An emulated processor slows Java's down by more than it slows the rest.
_COMPILE_S = 1.5 if PATIENCE == 1 else 5 * PATIENCE
_DEADLINE_S = 10
#: What the executor grants at most (PRECIEUX_MAX_WALL_LIMIT).
_MAX_WALL_S = 300


@dataclass(frozen=True)
class Result:
    answer: dict[str, Any]
    survivors: list[int]


@dataclass(frozen=True)
class Campaign:
    """The finished attacks on one executor. Elapsed times are divided by `stretch`, the load of others."""

    results: dict[str, Result]
    damage: list[str]
    left_over: list[int]
    greeting: dict[str, Any]
    greeting_s: float
    stretch: float


@pytest.fixture(scope="module", params=EVERY_MODE)
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    with (
        host() as attacked,
        running_executor(
            request.param,
            executor_slots=str(_CONCURRENCY),
            compile_time_limit=str(_COMPILE_S),
            warm_idle_s="1",
        ) as running,
    ):
        yield asyncio.run(_attack_all(attacked, running, _chosen(request.session)))


def _chosen(session: pytest.Session) -> list[Attack]:
    """Return the attacks that the selected tests need, in the languages that are here."""
    calls = [vars(item).get("callspec") for item in session.items]
    names = {call.params["attack"].name for call in calls if call and "attack" in call.params}
    return [attack for attack in _ATTACKS if attack.name in names and known()[attack.language].toolchain()]


async def _attack_all(attacked: Host, running: RunningExecutor, attacks: list[Attack]) -> Campaign:
    before = pids_below(running.pid)
    stretched = stretch()
    free = asyncio.Semaphore(_CONCURRENCY)
    # Both sides drop connections that were idle for 5 seconds, and a slow machine takes one up in just that moment.
    no_idle_ones = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=running.url, timeout=600 * PATIENCE, limits=no_idle_ones) as client:

        async def make(attack: Attack) -> Result:
            async with free:
                return await _make(attack, attacked, client, stretched)

        results = await asyncio.gather(*(make(attack) for attack in attacks))
        left_over = await _left_over(running.pid, before)
        started = time.monotonic()
        greeting = (await client.post("/", json={"language": "py", "code": "print('hello')"})).json()
        greeting_s = time.monotonic() - started
    names = (attack.name for attack in attacks)
    return Campaign(
        dict(zip(names, results, strict=True)),
        attacked.damage(),
        left_over,
        greeting,
        greeting_s,
        max(stretched, stretch()),
    )


async def _left_over(executor: int, before: list[int]) -> list[int]:
    """Return the processes that still live after the waiting boxes have ended."""

    def left() -> list[int]:
        return [pid for pid in pids_below(executor) if pid not in {*before, *zygotes(executor)}]

    with contextlib.suppress(AssertionError):
        await eventually(lambda: not left(), _DEADLINE_S)
    return left()


async def _make(attack: Attack, attacked: Host, client: httpx.AsyncClient, stretched: float) -> Result:
    mark = f"mark-{attack.name}-{attacked.secret}"
    answer: dict[str, Any] = {}
    for source in (attack.source, attack.then):
        if source is not None:
            code = attacked.prepare(source, mark)
            limits = {"time_limit": 4, "wall_limit": 15, **attack.request}
            limits |= {name: limits[name] * PATIENCE for name in ("time_limit", "wall_limit")}
            if "time_limit" not in attack.expect["verdicts"]:  # it has to come to its end, also under load
                limits["wall_limit"] = min(limits["wall_limit"] * stretched, _MAX_WALL_S * PATIENCE)
            body = {**limits, "language": attack.language, "code": code}
            answer = (await client.post("/", json=body)).json()
            if "ESCAPED" in answer["output"]:
                break
    answer["leaked"] = attacked.secret in answer["output"] + answer["error"].replace(mark, "")
    return Result(answer, processes_named(mark))


@pytest.mark.parametrize("attack", _ATTACKS, ids=lambda attack: attack.name)
def test_the_attack_is_held(campaign: Campaign, attack: Attack) -> None:
    need_language(attack.language)
    result = campaign.results[attack.name]
    answer, expect = result.answer, attack.expect
    report = f"{answer.get('verdict')}: {answer['output'][:2000]} {answer['error'][:2000]}"
    assert "ESCAPED" not in answer["output"], report
    assert not answer["leaked"], report
    assert not result.survivors
    assert answer.get("verdict") in expect["verdicts"], report
    if "output" in expect:
        assert answer["output"] == expect["output"], report
    if "truncated" in expect:
        assert answer["truncated"] == expect["truncated"]
    assert answer["wall_s"] / campaign.stretch <= expect.get("max_wall_s", 60) * PATIENCE
    assert answer["time_s"] <= expect.get("max_cpu_s", 60) * PATIENCE


def test_the_attack_does_not_change_the_host(campaign: Campaign) -> None:
    assert campaign.damage == []
    assert campaign.left_over == []


def test_the_next_program_is_served_at_once(campaign: Campaign) -> None:
    assert (campaign.greeting["verdict"], campaign.greeting["output"]) == ("ok", "hello\n")
    assert campaign.greeting_s / campaign.stretch < 2 * PATIENCE
