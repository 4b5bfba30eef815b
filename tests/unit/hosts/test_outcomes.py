"""Reading the doctor's report."""

import json
from typing import Any

from tests.hosts.guest import CommandResult
from tests.hosts.outcomes import Examination, Outcome, examine


def _row(guarantee: str, mechanism: str, remedy: str = "", held: bool = True) -> dict[str, Any]:
    return {"guarantee": guarantee, "held": held, "essential": True, "mechanism": mechanism, "remedy": remedy}


def _report(*rows: dict[str, Any], serves: bool = True, **more: str) -> str:
    return json.dumps({"serves": serves, "rows": list(rows), **more})


def _examine(report: str, exit_code: int = 0, error: str = "", timed_out: bool = False) -> Examination:
    return examine(CommandResult(exit_code, report, error, 3.0, timed_out))


_CPU, _MEMORY = "CPU time is limited", "memory is limited, not its address space"


def test_limits_by_cgroup() -> None:
    report = _report(_row(_CPU, "cgroup v2"), _row(_MEMORY, "cgroup v2"), _row("files are limited", "size"))
    assert _examine(report) == Examination(Outcome.BY_CGROUP, 3.0)


def test_a_remedy_for_two_limits_is_listed_once() -> None:
    remedy = "Sampled. Start with `systemd-run ...`."
    report = _report(_row(_CPU, "sampling /proc", remedy), _row(_MEMORY, "sampling the tree", remedy))
    assert _examine(report) == Examination(Outcome.BY_SAMPLING, 3.0, "", remedy)


def test_one_limit_without_a_cgroup_means_sampling() -> None:
    assert _examine(_report(_row(_CPU, "cgroup v2"), _row(_MEMORY, "sampling"))).outcome is Outcome.BY_SAMPLING
    assert _examine(_report(_row("files are limited", "size"))).outcome is Outcome.BY_SAMPLING


def test_a_refusal_has_the_reason_and_the_remedy() -> None:
    report = _report(serves=False, reason="bwrap: no", remedy="run `x y`.")
    assert _examine(report, 1) == Examination(Outcome.REFUSES, 3.0, "bwrap: no", "run `x y`.")


def test_a_refusal_names_the_guarantee_that_fails() -> None:
    report = _report(_row("no network", "network namespace", "reached 1.2.3.4", held=False), serves=False)
    assert _examine(report, 1) == Examination(Outcome.REFUSES, 3.0, "no network: reached 1.2.3.4")


def test_a_timeout_hangs_and_other_output_fails() -> None:
    assert _examine("", 124, timed_out=True).outcome is Outcome.HANGS
    assert _examine("", 1, "Traceback") == Examination(Outcome.FAILS, 3.0, "Traceback")
    assert _examine("[]", 0).outcome is Outcome.FAILS


def test_a_report_and_exit_code_that_disagree_fail() -> None:
    assert _examine(_report(_row(_CPU, "cgroup v2"), _row(_MEMORY, "cgroup v2")), 1).outcome is Outcome.FAILS
