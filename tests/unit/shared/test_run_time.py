"""The time for which a run is charged."""

from types import SimpleNamespace

import pytest

from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Alive, Compiled, Output, Started
from shared.engine_api.run_time import RunTime
from tests.factories import ended_test

_STARTED = Started(language="py", info="", compile=None, run="", instance="")
_OUTPUT = Output(stream="stdout", text="-")


def _compiled(**figures: float) -> Compiled:
    fields = {"verdict": None, "error": "", "output": "", "truncated": False, "memory_bytes": 1}
    return Compiled.model_validate({**fields, **figures})


@pytest.mark.parametrize(
    ("events", "charged"),
    [
        ([(26, ended_test(cpu_s=2.5, wall_s=26, waited_s=23))], 3),
        ([(26, ended_test(cpu_s=0.1, wall_s=26))], 26),
        ([(1, ended_test(cpu_s=4, judge_cpu_s=3))], 7),
        ([(0, ended_test(cpu_s=3)), (0, ended_test(cpu_s=4, waited_s=9))], 7),
        ([(10, ended_test(waited_s=4)), (0, ended_test(waited_s=4))], 6),
        ([(9, Alive(is_long=True)), (1, _OUTPUT), (0, ended_test(waited_s=4))], 6),
        ([(9, _STARTED), (2, ended_test()), (60, _STARTED), (3, ended_test())], 5),
        ([(9, _STARTED), (9, _compiled(cpu_s=4, wall_s=9, waited_s=5)), (1, ended_test(cpu_s=1))], 5),
        ([], 0),
    ],
    ids=[
        "a busy machine",
        "it sleeps",
        "processors",
        "tests at once",
        "they wait at once",
        "live output",
        "waits for slots",
        "compiles",
        "nothing",
    ],
)
def test_waiting_is_not_charged(
    events: list[tuple[float, RunEvent]], charged: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("shared.engine_api.run_time.time", SimpleNamespace(monotonic=lambda: clock[0]))
    run_time = RunTime()
    for after_s, event in events:
        clock[0] += after_s
        run_time.add(event)
    assert run_time.seconds == pytest.approx(charged)
