"""Makes the answers of both calls from how a program and its compiler ended."""

import asyncio
import codecs
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from executor import verdict
from executor.judging.judgement import Judgement
from executor.pipeline.plan import PlannedProgram, PlannedRun
from executor.sandbox.base import SandboxFailure, Step, StepResult
from shared.common.text.source_paths import is_file_name
from shared.engine_api import checker
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.run_call.events import (
    GOOD_VERDICTS,
    Compiled,
    FetchedFile,
    LeftOut,
    ProgramArtifact,
    Started,
    Stop,
    TestEnded,
)
from shared.engine_api.run_call.request import Checker, CheckerKind, ProgramTest

#: The name of this process, which no other has.
INSTANCE: Final = uuid4().hex
#: HTTP status of each verdict that is not 200: the original answers 408 to a program that runs too long.
_STATUS: Final = {
    Verdict.TIME_LIMIT: HTTPStatus.REQUEST_TIMEOUT,
    Verdict.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
}
#: Bytes of an output that is compared in a thread, because that takes more than some milliseconds.
_LONG_COMPARISON: Final = 65536


@dataclass(frozen=True)
class Execution:
    """How one run of a program ended.

    `compiled` is None if the language has no compiler. `ran` is None if the compiler rejected the source. `judgement`
    is what a judge program says of the run; None if it was not asked.
    """

    planned: PlannedRun
    compiled: StepResult | None
    ran: StepResult | None
    cpu_pressure: float | None = None
    judgement: Judgement | None = None

    @property
    def last(self) -> StepResult:
        """How the program ended, or the compiler if it rejected the source."""
        last = self.ran or self.compiled
        assert last
        return last

    @property
    def last_step(self) -> Step:
        job = self.planned.job if self.ran or self.planned.compilation is None else self.planned.compilation
        return job.step

    @property
    def is_rejected(self) -> bool:
        return self.compiled is not None and not self.compiled.succeeded

    @property
    def verdict(self) -> Verdict:
        if self.ran is None:
            return Verdict.COMPILE_ERROR
        return verdict.of_run(self.ran, self.planned.installed.language.run.out_of_memory)

    @property
    def reason(self) -> str:
        """A sentence on why the last step failed, or "" if it succeeded or its own message says more."""
        how, result, step = self.verdict, self.last, self.last_step
        reason = verdict.explain(result, step.limits, step.output_bytes)
        if how is Verdict.COMPILE_ERROR:
            reason, message = f"Compilation: {reason}" if result.stopped else "", result.stdout
        else:
            message = result.stderr
            if how is Verdict.RUNTIME_ERROR and message.strip() and result.signal is None:
                reason = ""
        return reason or ("" if message or how in GOOD_VERDICTS else f"{how.value}.")


def answer(execution: Execution) -> RunResponse:
    """Return the answer to CodeX's call."""
    installed, result, how = execution.planned.installed, execution.last, execution.verdict
    output, message = (b"", result.stdout) if execution.ran is None else (result.stdout, result.stderr)
    compile_, run = execution.planned.commands.for_a_shell()
    return RunResponse(
        timeStamp=now_ms(),
        status=_STATUS.get(how, HTTPStatus.OK),
        output=_decode(output),
        error="\n".join(filter(None, (execution.reason, _decode(message)))),
        language=installed.code,
        info=installed.info,
        compile=compile_,
        run=run,
        verdict=how,
        exit_code=result.exit_code,
        signal=result.signal,
        time_s=round(result.cpu_s, 6),
        wall_s=round(result.wall_s, 6),
        memory_bytes=result.memory_bytes,
        truncated=result.truncated,
        cpu_pressure=execution.cpu_pressure,
    )


def started(planned: PlannedProgram) -> Started:
    """Return the first event of `POST /run`."""
    installed = planned.installed
    compile_, run = planned.commands.for_a_shell()
    return Started(language=installed.code, info=installed.info, compile=compile_, run=run, instance=INSTANCE)


def compiled(execution: Execution) -> Compiled:
    """Return the event of a compiler. No test follows one that has rejected the source."""
    result, rejected, reports_order = execution.last, execution.is_rejected, execution.last_step.report_order
    return Compiled(
        verdict=Verdict.COMPILE_ERROR if rejected else None,
        error=execution.reason if rejected else "",
        output=_decode(result.stdout),
        truncated=result.truncated,
        **_figures(result),
        cut=sorted(result.cut, reverse=True),
        stderr=_decode(result.stderr) if reports_order else None,
        order=_order_of(result) if reports_order else None,
        cpu_pressure=execution.cpu_pressure,
    )


async def test_ended(number: int, test: ProgramTest, rules: Checker, execution: Execution, room: int) -> TestEnded:
    """Return the event of a test. At most `room` bytes of its outputs are sent.

    A build script runs before each test. If it fails this time, that is the test's verdict, and its output is the
    test's standard error.
    """
    ran, how = execution.last, execution.verdict
    if execution.ran is None:
        cut = ("stderr",) if ran.truncated else ()
        ran = replace(ran, stdout=b"", stderr=ran.stdout + ran.stderr, cut=cut, turns=())
    diff, judgement = None, execution.judgement
    if how is Verdict.INTERNAL_ERROR and (judgement is None or judgement.verdict is how):
        raise SandboxFailure(f"the program was stopped: {ran.stopped}")
    if judgement is None and how is Verdict.OK and (expected := test.expected()) is not None:
        if rules.kind is CheckerKind.ICPC and test.checker_args:
            rules = rules.model_copy(update={"args": test.checker_args})
        diff = await _compare(ran.stdout, expected, rules)
        how = Verdict.ACCEPTED if diff is None else Verdict.WRONG_ANSWER
    judgement = judgement or Judgement(how)
    stdout = ran.stdout[:room]
    stderr = ran.stderr[: room - len(stdout)]
    out_limits = execution.planned.job.out_limits
    fetches = bool(out_limits and out_limits.paths)
    artifacts, left_out = ([], {}) if fetches else _artifacts_of(ran)
    names = {*ran.cut, *(["stdout"] if stdout != ran.stdout else []), *(["stderr"] if stderr != ran.stderr else [])}
    return TestEnded(
        number=number,
        verdict=judgement.verdict,
        error=execution.reason if judgement.verdict is how else "",
        stdout=_decode(stdout),
        stderr=_decode(stderr),
        stdout_bytes=_unless_text(stdout),
        stderr_bytes=_unless_text(stderr),
        diff=diff,
        message=None if test.hidden and judgement.may_name_answer else judgement.message,
        judge_message=judgement.judge_message,
        points_awarded=judgement.points,
        score=judgement.score,
        multiplier=judgement.multiplier,
        judge_cpu_s=round(judgement.cpu_s, 6),
        truncated=sorted(names, reverse=True),
        **_figures(ran, judgement.waited_s),
        cpu_pressure=execution.cpu_pressure,
        order=_order_of(ran) if execution.last_step.report_order else None,
        artifacts=artifacts if out_limits and not fetches else None,
        artifacts_left_out=left_out,
        fetched=_fetched_by(ran) if fetches else [],
    )


def _figures(result: StepResult, judges_waited_s: float = 0.0) -> dict[str, Any]:
    """Return the figures of a step, which both events have."""
    return {
        "cpu_s": round(result.cpu_s, 6),
        "wall_s": round(result.wall_s, 6),
        "waited_s": round(result.waited_s + judges_waited_s, 6),
        "memory_bytes": result.memory_bytes,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "stopped": stop_of(result),
    }


def stop_of(result: StepResult) -> Stop | None:
    """Return the limit that ended a step; None if no limit did."""
    return next((stop for stop in Stop if stop == result.stopped), None)


def now_ms() -> int:
    """Return the time stamp of an answer."""
    return time.time_ns() // 1_000_000


def _artifacts_of(ran: StepResult) -> tuple[list[ProgramArtifact], dict[LeftOut, int]]:
    """Return the files that the program wrote to `out/`, and how many entries of it are left out for each reason."""
    if ran.stopped is not None:  # it may have ended, and been collected, just before it was stopped
        return [], {}
    named, left_out = ran.out_folder.files, ran.out_folder.left_out
    files = [ProgramArtifact(name=name, content=content) for name, content in named.items() if is_file_name(name)]
    bad_names = len(named) - len(files)
    return files, {**left_out, LeftOut.BAD_NAME: bad_names} if bad_names else left_out


def _fetched_by(ran: StepResult) -> list[FetchedFile]:
    if ran.stopped is not None:  # as for artifacts
        return []
    return [FetchedFile(path=path, content=content) for path, content in ran.out_folder.files.items()]


def _order_of(result: StepResult) -> list[int]:
    """Return the number of characters in each turn of both outputs. The last byte of a character decides its turn."""
    outputs, decoders = (result.stdout, result.stderr), [codecs.getincrementaldecoder("utf-8")("replace") for _ in "oe"]
    positions, order = [0, 0], []
    for turn, size in enumerate(result.turns):
        which = turn % 2
        start = positions[which]
        positions[which] += size
        order.append(len(decoders[which].decode(outputs[which][start : start + size])))
    return order


async def _compare(output: bytes, expected: bytes, rules: Checker) -> str | None:
    if max(len(output), len(expected)) <= _LONG_COMPARISON:
        return checker.compare(output, expected, rules)
    return await asyncio.to_thread(checker.compare, output, expected, rules)


def _unless_text(output: bytes) -> bytes | None:
    """Return None if the output is UTF-8, and otherwise the output."""
    try:
        output.decode()
    except UnicodeDecodeError:
        return output
    return None


def _decode(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")
