"""Runtimes that start before their program comes, and are forked for each box.

Gain: the latency and the CPU time of a start. Python takes 0.34 of the bare command's latency instead of 1.08, and Node
0.11 instead of 1.04 (ADR 23).
"""

import sys
from dataclasses import replace

from executor import limits
from executor.catalogue.installed import Installed
from executor.languages.base import ForkedRuntime
from executor.sandbox.base import Job, Sandbox, SandboxFailure, Step, Template, WorkFile, Zygote
from executor.settings import MIB, ExecutorSettings

#: The most bytes of a reference program's output.
_PROOF_BYTES = MIB


class WarmRuntime:
    """The runtime that `warm` describes, of an installed language."""

    def __init__(self, installed: Installed, warm: ForkedRuntime, settings: ExecutorSettings) -> None:
        self._installed = installed
        settings = limits.settings_for_language(settings, installed.language.needs)
        usual = limits.default_limits(settings)
        self._memory_bytes = usual.memory_bytes
        self._least_address_space = warm.address_space_mib * MIB or sys.maxsize
        self._has_fixed_heap = any("{memory_mib}" in word for word in installed.language.run.command)
        self._limits = limits.run_step_limits(usual, settings, installed.language.run.extra_memory_mib * MIB)
        zygote = Zygote(self._command(warm.command), installed.environment)
        self.template = Template(settings.max_disk_bytes, self._limits, zygote=zygote)

    def place(self, job: Job) -> Job:
        """Return the job for a box with this runtime, or unchanged if the runtime's heap has another size, or if its
        address space may be too small."""
        step = job.step
        if 0 < step.limits.address_space < self._least_address_space:
            return job
        if self._has_fixed_heap and step.limits.memory_bytes != self._limits.memory_bytes:
            return job
        return replace(job, template=self.template)

    async def check(self, sandbox: Sandbox) -> None:
        """Run the reference program in this runtime. Raises `SandboxFailure` if that does not work."""
        installed, reference = self._installed, self._installed.language.reference
        argv = self._command(installed.language.run.command)
        step = Step(argv, installed.environment, self._limits, _PROOF_BYTES, stdin=reference.input.encode())
        files = {installed.language.names_for(reference.source).source: WorkFile(reference.source.encode())}
        result = await sandbox.run(Job(files, step, self.template))
        if not result.succeeded or result.stdout.decode() != reference.output:
            raise SandboxFailure(result.why_failed)

    def _command(self, words: tuple[str, ...]) -> tuple[str, ...]:
        language = self._installed.language
        source = language.names_for(language.reference.source).source
        return self._installed.command(words, source=source, memory_mib=str(self._memory_bytes // MIB))
