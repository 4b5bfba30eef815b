"""Makes the jobs of judges, and reads how they ended. `Pipeline` compiles and runs judges."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from executor import verdict
from executor.judging import interaction, kattis, testlib
from executor.judging.judgement import (
    KEPT_BYTES,
    MAX_FEEDBACK_FILES,
    MAX_KEPT_FILES,
    Judgement,
    clean,
    judge_error,
    why_failed,
)
from executor.pipeline.plan import PlannedRun
from executor.sandbox.base import GIVEN, Job, JudgeJob, OutLimits, SandboxFailure, StepResult, WorkFile
from shared.common.service.errors import ConfigurationError
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import JudgeFailed, Stop
from shared.engine_api.run_call.request import JudgeName, JudgeProgram, JudgeProtocol, ProgramTest

#: The folder in a judge's box to which it may write feedback.
FEEDBACK = "/box/feedback"
_INPUT, _ANSWER, _OUTPUT = "input", "answer", "output"
#: The feedback file that an interactor of testlib writes for the checker after it.
_TOUT = "tout"


@dataclass(frozen=True)
class CompiledJudge:
    """A judge that is compiled: `planned` runs it, without what a test adds."""

    name: JudgeName
    program: JudgeProgram
    planned: PlannedRun
    #: What earlier passes of a multi-pass test have left in the feedback folder; None if there is one pass.
    feedback: Mapping[str, bytes] | None = None

    @property
    def _max_files(self) -> int:
        """The most feedback files that are read. With more, the judge has failed."""
        return MAX_FEEDBACK_FILES if self.feedback is None else MAX_KEPT_FILES

    @property
    def _is_kattis(self) -> bool:
        return self.program.protocol is JudgeProtocol.KATTIS

    def check(self, test: ProgramTest, output: bytes) -> Job:
        """Return the job of a checker that reads the `output` of a program."""
        if self._is_kattis:
            return self._job(test, stdin=output)
        job = self._job(test, f"{GIVEN}/{_OUTPUT}")
        return replace(job, given={**job.given, _OUTPUT: output})

    def for_program(self, wall_s: float) -> "CompiledJudge":
        """Return the same interactor for a program with this limit of elapsed time. Once the program has ended, it has
        no more than that."""
        step = self.planned.job.step
        limits = replace(step.limits, wall_s=min(step.limits.wall_s, wall_s))
        job = replace(self.planned.job, step=replace(step, limits=limits))
        return replace(self, planned=replace(self.planned, job=job))

    def talk(self, test: ProgramTest) -> JudgeJob:
        """Return the job of an interactor."""
        job = self._job(test) if self._is_kattis else self._job(test, f"{FEEDBACK}/{_TOUT}", kept_bytes=None)
        return JudgeJob(job, kattis.ACCEPTING if self._is_kattis else testlib.ACCEPTING)

    def read_talk(self, ran: StepResult, how: Verdict, judged: StepResult, max_points: float | None) -> Judgement:
        """Return what becomes of a program with the verdict `how` that an interactor has talked with."""
        says = None if interaction.ended_with_program(judged) else self.read(judged, max_points)
        judgement = interaction.decide(ran, how, judged, says)
        return replace(judgement, cpu_s=judged.cpu_s, waited_s=judged.waited_s)

    def read(self, ended: StepResult, max_points: float | None) -> Judgement:
        """Return what the judge says by its end. Raises `SandboxFailure` if it was ended for another reason than its
        own."""
        step = self.planned.job.step
        _check_stop(self.name, ended)
        explanation = verdict.explain(ended, step.limits, step.output_bytes)
        feedback = ended.out_folder.files.get(kattis.JUDGE_MESSAGE, b"")
        if sentence := why_failed(self.name, ended, explanation, step.output_bytes, self._max_files):
            judgement = judge_error(sentence, feedback, ended.stderr)
        else:
            judgement = (kattis if self._is_kattis else testlib).read(self.name, ended, max_points)
        kept = {} if self.feedback is None else ended.out_folder.files
        return replace(judgement, cpu_s=ended.cpu_s, waited_s=ended.waited_s, feedback=kept)

    def _job(self, test: ProgramTest, output: str = "", stdin: bytes = b"", kept_bytes: int | None = KEPT_BYTES) -> Job:
        """Return the job for one test. testlib's protocol has the path `output` between those of input and answer. Of
        each feedback file, `kept_bytes` are kept, or all."""
        job = self.planned.job
        step = job.step
        answer = f"{GIVEN}/{_ANSWER}"
        after_input = (answer, f"{FEEDBACK}/") if self._is_kattis else (output, answer)
        argv = (*step.argv, f"{GIVEN}/{_INPUT}", *after_input, *self.program.args, *test.checker_args)
        left = {f"../feedback/{name}": WorkFile(content, 0o666) for name, content in (self.feedback or {}).items()}
        kept_bytes = kept_bytes if self.feedback is None else None
        return replace(
            job,
            files={**job.files, **left},
            step=replace(step, argv=argv, stdin=stdin, kept_bytes=KEPT_BYTES),
            given={_INPUT: test.input(), _ANSWER: test.expected() or b""},
            out_limits=OutLimits(self._max_files, step.output_bytes, FEEDBACK, kept_bytes),
        )


def rejected(name: JudgeName, compiled: StepResult, reason: str) -> JudgeFailed:
    """Return the event of a judge that does not compile. `reason` is a sentence if a limit stopped the compiler."""
    _check_stop(name, compiled)
    parts = (f"The {name} does not compile.", reason, clean(compiled.stdout))
    return JudgeFailed(judge=name, judge_message="\n".join(filter(None, parts)))


def written_for_checker(judged: StepResult) -> bytes | None:
    """Return what an interactor of testlib leaves for the checker after it; None if it ends the test."""
    return judged.out_folder.files.get(_TOUT, b"") if judged.exit_code == 0 else None


def files_beside(folder: Path | None) -> dict[str, bytes]:
    """Return the operator's files that stand beside each judge. Raises `ConfigurationError` if they cannot be read."""
    try:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder else {}
    except OSError as exc:
        raise ConfigurationError(f"PRECIEUX_CHECKER_FILES cannot be read: {exc}") from exc


def _check_stop(name: JudgeName, ended: StepResult) -> None:
    if ended.stopped is not None and ended.stopped not in set(Stop):
        raise SandboxFailure(f"the {name} was stopped: {ended.stopped}")
