"""Compiles programs, each in a box of its own, or takes what was compiled before."""

from dataclasses import replace
from typing import Final

from executor.pipeline.compile_cache import CompileCache, identity, key_of
from executor.pipeline.plan import PlannedRun
from executor.sandbox.base import MAX_COMPILED_FILES, LeftOut, Sandbox, StepResult
from executor.sandbox.room import fault_of
from executor.settings import MIB, ExecutorSettings
from executor.slots import Turn, run_in
from executor.warm import shared_compiler
from executor.warm.warm import Warm
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: Why nothing that a compiler has left is taken.
_FAULTS: Final = {
    LeftOut.TOO_MANY: f"The compiled files are over {MAX_COMPILED_FILES}, or their paths are too long or too deep.",
    LeftOut.TOO_LARGE: "The compiled files are over {most} MiB.",
    LeftOut.NOT_A_FILE: "There is something else than files, folders and links among the compiled files.",
    LeftOut.UNREADABLE: "There is a file or folder among the compiled files that cannot be read.",
}


class Compiler:
    def __init__(self, sandbox: Sandbox, settings: ExecutorSettings, warm: Warm | None) -> None:
        self._sandbox = sandbox
        self._warm = warm
        self._settings = settings
        self._cache = CompileCache(settings.compile_cache_bytes)

    async def compile(self, planned: PlannedRun, turn: Turn | None) -> StepResult | None:
        """Return how the program's compiler or build script ended; None if it has none."""
        if planned.compilation is None:
            return None
        key = self._key(planned)
        async with self._cache.once(key) as cached:
            if cached:
                return cached
            compiled = await self._compiled_by_shared(planned)
            # The shared compiler has read other senders' sources, so its compiled files are trusted less.
            keep = compiled is None
            # While others hold slots and memory until it ends, it must not wait for any.
            compiled = compiled or await self._compile_in_box(planned, turn, is_kept=key is not None)
            self._cache.share(key, compiled, keep=keep)
            return compiled

    async def _compile_in_box(self, planned: PlannedRun, turn: Turn | None, *, is_kept: bool) -> StepResult:
        compilation = planned.compilation
        assert compilation
        compiled = await run_in(turn, self._sandbox, compilation, is_kept=is_kept)
        if self._may_be_rejected_for_header(compiled, planned):
            plain = planned.without_headers().compilation or compilation
            compiled = await run_in(turn, self._sandbox, plain, is_kept=is_kept)
            if compiled.succeeded:
                log.warning("header.rejected_a_program", language=planned.installed.code)
        if compiled.succeeded and (fault := _fault_of(compiled, planned)):
            return replace(compiled, exit_code=1, stdout=fault.encode(), compiled_files={})
        if not planned.is_compiled_once:
            return compiled
        made = {name: file for name, file in compiled.compiled_files.items() if name not in compilation.files}
        return replace(compiled, compiled_files=made)

    def _key(self, planned: PlannedRun) -> bytes | None:
        """Return the program's key in the compile cache; None if its result is not cached."""
        if self._cache.largest == 0 or planned.compilation is None or not planned.is_compiled_once:
            return None
        return key_of(planned.compilation, identity(planned.installed))

    async def _compiled_by_shared(self, planned: PlannedRun) -> StepResult | None:
        """Return the answer of the language's shared compiler; None without an answer."""
        program = planned.program
        if planned.compilation is None or not planned.is_compiled_once:
            return None
        step = planned.compilation.step
        compiler = self._warm.compiler(planned.installed) if self._warm and program.is_plain else None
        if compiler is None or not shared_compiler.suffice(step.limits):
            return None
        compiled = await compiler.compile(program.names.source, program.source, step.output_bytes)
        if compiled is None or (compiled.truncated and step.stop_on_overflow):
            return None
        if not step.merge_output:
            turns, cut = (0, len(compiled.stdout)), ("stderr",) if compiled.cut else ()
            compiled = replace(compiled, stdout=b"", stderr=compiled.stdout, turns=turns, cut=cut)
        return compiled

    def _may_be_rejected_for_header(self, compiled: StepResult, planned: PlannedRun) -> bool:
        """Return True if the compiler rejected a source that may use a precompiled header.

        GCC rejects some valid programs that use one (ADR 17), so the source is compiled again without it.
        """
        installed, compilation = planned.installed, planned.compilation
        headers = installed.headers if self._settings.tuning.precompile_headers else None
        if headers is None or compilation is None or compiled.succeeded or compiled.stopped is not None:
            return False
        if installed.headers_option not in compilation.step.argv:
            return False
        return any(name.encode() in file.content for name in headers.names for file in compilation.files.values())


def _fault_of(compiled: StepResult, planned: PlannedRun) -> str:
    """Return a sentence on why the program cannot run with what its compiler has left; "" if it can."""
    wanted = planned.compilation and planned.compilation.out_limits
    for reason in compiled.out_folder.left_out:
        return _FAULTS.get(reason, "").format(most=wanted.bytes // MIB if wanted else 0)
    return fault_of(planned.job_after(compiled)) if compiled.compiled_files else "There are no compiled files."
