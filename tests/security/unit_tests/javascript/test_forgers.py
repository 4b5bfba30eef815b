"""No program in JavaScript gets points that it has not earned."""

from collections.abc import Mapping
from typing import Any

import pytest

from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.unit_tests import node
from executor.unit_tests.run import UnitTester
from tests.security.unit_tests.conftest import Run, make_run
from tests.security.unit_tests.javascript.forgers import (
    ENDS_BOXES,
    FORGERS,
    MUTANTS,
    QUICK,
    SHORT,
    TESTS,
    Mutant,
    one_test,
)

pytestmark = [pytest.mark.security, pytest.mark.asyncio(loop_scope="module")]

_LIMITS = {"cpu_s": 1, "wall_s": 2, "memory_bytes": 100 << 20, "output_bytes": 100_000}
_LETTERS_OF_LOSS = set("fe")


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK or name not in ENDS_BOXES else pytest.param(name, marks=pytest.mark.slow)
        for name in FORGERS
    ],
)
async def test_a_forger_earns_nothing(run_node: Run, name: str) -> None:
    ran = await run_node(
        FORGERS[name],
        SHORT if name in ENDS_BOXES else TESTS,
        limits=_LIMITS,
        unit_tests={"total_cpu_s": 60, "limits": {"cpu_s": 2}},
    )
    assert ran.end, ran.fault
    assert set(ran.outcomes[:-1]) <= _LETTERS_OF_LOSS, ran.said
    assert (ran.outcomes[-1], ran.end.points_awarded) == ("p", 1), ran.said
    assert ran.end.verdict not in ("accepted", "judge_error")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.forger)
async def test_a_forger_succeeds_without_the_guard(
    boxes: tuple[BubblewrapSandbox, Mapping[str, Any]], run_node: Run, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    tests = one_test(mutant.test)
    ran = await run_node(FORGERS[mutant.forger], tests, limits=_LIMITS)
    assert set(ran.outcomes) <= _LETTERS_OF_LOSS, ran.said
    scripts = node._scripts("tests")
    source = scripts[mutant.file].decode()
    assert source.count(mutant.guard) == 1
    changed = {**scripts, mutant.file: source.replace(mutant.guard, mutant.without).encode()}
    of_student = node._scripts("student")
    monkeypatch.setattr(node, "_scripts", lambda box: changed if box == "tests" else of_student)
    run = make_run(UnitTester(boxes[0], ExecutorSettings()), boxes[1]["js"])
    ran = await run(FORGERS[mutant.forger], tests, limits=_LIMITS)
    assert ran.outcomes == "p", (ran.fault, ran.said)
