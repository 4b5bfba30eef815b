"""No program in Java earns points by any other way than right answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.unit_tests import jvm
from executor.unit_tests.run import UnitTester
from tests.security.unit_tests.conftest import Run, make_run
from tests.security.unit_tests.java.forgers import ENDS_BOXES, FORGERS, HEAD, MUTANTS, NAMED_AS_OURS, SHORT, TESTS

pytestmark = [pytest.mark.security, pytest.mark.asyncio(loop_scope="module")]

_QUICK = {"exits", "a liar"}


@pytest.mark.parametrize(
    "name", [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FORGERS]
)
async def test_a_forger_earns_nothing(run_java: Run, name: str) -> None:
    ran = await run_java(
        {"Main.java": FORGERS[name], **NAMED_AS_OURS},
        SHORT if name in ENDS_BOXES else TESTS,
        entry="Main.java",
        limits={"cpu_s": 1, "wall_s": 2, "output_bytes": 100_000},
        unit_tests={"total_cpu_s": 60, "limits": {"cpu_s": 4}},
    )
    assert ran.end, ran.fault
    assert set(ran.outcomes[:-1]) <= set("fe"), ran.said
    assert (ran.outcomes[-1], ran.end.points_awarded) == ("p", 1), ran.said
    assert ran.end.verdict not in ("accepted", "judge_error")


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=[one[0] for one in MUTANTS])
async def test_a_forger_succeeds_without_the_guard(
    boxes: tuple[BubblewrapSandbox, Mapping[str, Any]],
    run_java: Run,
    monkeypatch: pytest.MonkeyPatch,
    mutant: tuple[str, str, str, str, str],
) -> None:
    forger, file, guard, without, method = mutant
    tests = TESTS[: TESTS.index("@TestMethodOrder")] + f"class StudentTest {{ @Test void a() {{ {method} }} }}"
    assert tests.startswith(HEAD)
    ran = await run_java({"Main.java": FORGERS[forger]}, tests)
    assert ran.outcomes in ("f", "e"), ran.said
    sources = jvm._sources()
    text = sources[file].decode()
    assert text.count(guard) == 1
    changed = {**sources, file: text.replace(guard, without).encode()}
    monkeypatch.setattr(jvm, "_sources", lambda: changed)
    run = make_run(UnitTester(boxes[0], ExecutorSettings()), boxes[1]["java"])
    ran = await run({"Main.java": FORGERS[forger]}, tests)
    assert ran.outcomes == "p", (ran.fault, ran.said)
