"""Runtimes that start before their program comes: a stub is started for each box, others are forked for each box.

Gain: the start of the runtime, which is 50 of the 60 ms of a greeting in Java (ADR 17). A fork also saves the CPU time
of a start: Python (ADR 70), Node (ADR 70).
"""

from dataclasses import replace

from executor import limits
from executor.catalogue import Installed
from executor.languages.base import Forked, Names, Stub
from executor.sandbox.base import File, Job, Sandbox, SandboxFailure, Step, StepResult, Template, Zygote
from executor.settings import MIB, ExecutorSettings

#: The most bytes of a reference program's output, and of its artefacts.
_PROOF_BYTES = MIB
#: The most bytes of a stub's arguments. In its line of JSON each may take six.
_MOST_ARGS_BYTES = 8192


class WarmRuntime:
    """The runtime that `warm` describes, of an installed language."""

    def __init__(self, installed: Installed, warm: Forked | Stub, settings: ExecutorSettings) -> None:
        self._installed = installed
        self._warm = warm
        self._settings = settings = limits.of_language(settings, installed.language.needs)
        usual = limits.default_limits(settings)
        self._memory_bytes = usual.memory_bytes
        self._has_fixed_heap = any("{memory_mib}" in word for word in installed.language.run.words)
        self._limits = limits.of_run(usual, settings, installed.language.run.extra_memory)
        self.template = self._make_template()

    def place(self, job: Job, names: Names, args: tuple[str, ...] = ()) -> Job:
        """Return the job for a box with this runtime, or unchanged if it was started for other limits or arguments."""
        (step,) = job.steps
        if self._has_fixed_heap and step.limits.memory_bytes != self._limits.memory_bytes:
            return job
        if isinstance(self._warm, Stub) and not self._fits_stub(step, args):
            return job
        return replace(job, steps=(self._step(step, names, args),), template=self.template)

    async def check(self, sandbox: Sandbox) -> None:
        """Run the reference program in this runtime. Raises `SandboxFailure` if that does not work."""
        result = await self._run_reference(sandbox)
        if not result.succeeded or result.stdout.decode() != self._installed.language.reference.output:
            raise SandboxFailure(result.why_failed)

    async def _run_reference(self, sandbox: Sandbox) -> StepResult:
        installed, reference = self._installed, self._installed.language.reference
        names = installed.language.names_for(reference.source)
        files = {names.source: File(reference.source.encode())}
        if compile_ := installed.language.compile:
            argv = installed.command(compile_.words, source=names.source)
            step = Step(argv, installed.environment, limits.of_compilation(self._settings), _PROOF_BYTES)
            box = Template(self._settings.max_disk_bytes, step.limits)
            (result,) = await sandbox.run(Job(files, (step,), box, artefact_bytes=_PROOF_BYTES))
            files |= result.artefacts
        argv = self._command(installed.language.run.words, source=names.source, main=names.main)
        step = Step(argv, installed.environment, self._limits, _PROOF_BYTES, stdin=reference.input.encode())
        (result,) = await sandbox.run(Job(files, (self._step(step, names, ()),), self.template))
        return result

    def _fits_stub(self, step: Step, args: tuple[str, ...]) -> bool:
        """Return True if the stub has the step's limits. Its output and, without cgroups, its processes are limited
        when it starts, and its packet has room for few arguments."""
        usual = limits.default_limits(self._settings)
        return (
            step.output_bytes == usual.output_bytes
            and not step.merge_output
            and step.limits.processes == usual.processes
            and (step.limits.stack_bytes, step.limits.file_bytes) == (self._limits.stack_bytes, self._limits.file_bytes)
            and sum(len(word.encode()) for word in args) <= _MOST_ARGS_BYTES
        )

    def _step(self, step: Step, names: Names, args: tuple[str, ...]) -> Step:
        """Return the step for this runtime. A stub has started already, so it gets its `words` instead of a command."""
        if not isinstance(self._warm, Stub):
            return step
        words = self._installed.command(self._warm.words, source=names.source, main=names.main)
        return replace(step, argv=(*words, *args))

    def _make_template(self) -> Template:
        installed, settings = self._installed, self._settings
        argv = self._command(self._warm.argv, source=installed.language.names_for("").source)
        if isinstance(self._warm, Forked):
            return Template(settings.max_disk_bytes, self._limits, zygote=Zygote(argv, installed.environment))
        # The kernel's limit of CPU time cannot be raised later, so a stub has the highest that a request may set.
        highest = replace(self._limits, cpu_s=settings.max_time_limit)
        stub = Step(argv, installed.environment, highest, settings.max_output_bytes)
        return Template(settings.max_disk_bytes, highest, stub=stub)

    def _command(self, words: tuple[str, ...], **values: str) -> tuple[str, ...]:
        return self._installed.command(words, memory_mib=str(self._memory_bytes // MIB), **values)
