"""Lists the unit tests of a package in each language, and finds their faults."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from job_runner.problems.check_data import fault_of
from job_runner.problems.package_runs import PackageRuns
from shared.engine_api.job_program import JobProgram
from shared.engine_api.program import LimitsSpec, Program
from shared.engine_api.run_call.events import Collection, JudgeFailed
from shared.engine_api.run_time import RunTime
from shared.judging.packages.model import Package
from shared.records.problems.submitting import unit_tests_for

#: Programs that do nothing, by the codes of languages: tests are listed without the program.
_NOTHING: Final = {"py": b"pass\n", "java": b"class Main {}\n", "js": b"0;\n"}
_NAMES: Final = {"java": "Main.java"}


@dataclass
class UnitTestsCheck:
    """The check of one package's unit tests, as `DataCheck` is that of data."""

    runs: PackageRuns
    package: Package
    share: str
    faults: list[dict[str, str]] = field(default_factory=list)
    run_time: RunTime = field(default_factory=RunTime)

    async def run(self) -> None:
        """Find the faults. Raises what `PackageRuns.events` raises."""
        for code in self.package.unit_tests:
            await self._list(code)

    async def _list(self, code: str) -> None:
        """Have the engine list the tests in a language. It runs none of them."""
        spec, entry = unit_tests_for(self.package.unit_tests, (code,)), _NAMES.get(code, f"main.{code}")
        limits = LimitsSpec(cpu_s=self.package.limits.cpu_s)
        program = JobProgram(code, entry, Program(limits=limits, unit_tests=spec), codes=(code,))
        files = await self.runs.unit_test_files(self.package, program)
        request = await asyncio.to_thread(program.request, {entry: _NOTHING[code]}, {"unit_tests": files})
        async with aclosing(self.runs.events(request, share=self.share, silence_s=2 * program.silence_s)) as events:
            async for event in events:
                self.run_time.add(event)
                if isinstance(event, JudgeFailed):
                    message = event.judge_message
                    self.faults.append(fault_of(f"unit_tests/{code}", "The tests cannot be listed.", message))
                elif isinstance(event, Collection):
                    return
