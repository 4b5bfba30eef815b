"""Runs the validators of a package on its data, and finds the faults of both."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from job_runner.problems.package_runs import PackageRuns
from job_runner.problems.program import ProblemProgram, fitting
from shared.common.text.control_characters import replace_controls
from shared.engine_api.codex import Verdict
from shared.engine_api.job_program import Case, JobProgram, elapsed
from shared.engine_api.program import LimitsSpec, Program, file_of
from shared.engine_api.run_call.events import GOOD_VERDICTS, Compiled, JudgeFailed, TestEnded
from shared.engine_api.run_time import RunTime
from shared.judging.packages.model import SCRIPTS, DataKind, Package, PackageFormat, PackageProgram, PackageTest

#: What a check says if its data could not be proved. It is no fault.
NOT_VALIDATED: Final = {"path": "data", "detail": "Not validated: no input validator of the package runs here."}
#: Faults after which no more are looked for.
_MAX_FAULTS: Final = 100
#: Seconds of running time of all validators together, after which they are stopped.
_MAX_SECONDS: Final = 3600.0
_MAX_DETAIL: Final = 2000
#: The program whose output is a file of the package. Without that file it fails.
_SHOW: Final = "show.sh"
_SHOW_FILES: Final = {_SHOW: b"exec cat output.txt\n"}
#: The exit code by which an input validator accepts, in packages of Kattis and of Polygon.
_ACCEPTED: Final = 42
_ACCEPTED_BY_TESTLIB: Final = 0


@dataclass(frozen=True)
class _Item:
    """A run of a validator on a test. `path` is the file that it judges, `output` stands for a program's output."""

    path: str
    test: PackageTest
    kind: DataKind | None = None
    output: str = ""
    args: tuple[str, ...] = ()


_End: TypeAlias = Compiled | JudgeFailed | TestEnded


@dataclass
class DataCheck:
    """The check of one package's data. `share` names the key for which the engine runs the validators."""

    runs: PackageRuns
    package: Package
    share: str
    faults: list[dict[str, str]] = field(default_factory=list)
    run_time: RunTime = field(default_factory=RunTime)

    def __post_init__(self) -> None:
        limits = LimitsSpec(output_bytes=self.package.limits.output_bytes)
        self._problem = ProblemProgram(JobProgram(SCRIPTS, _SHOW, Program(limits=limits)), self.package)

    async def run(self) -> None:
        """Find the faults. Raises what `PackageRuns.events` raises."""
        await self._judge_outputs()
        await self._compile_grader()
        validators = [validator for validator in self.package.input_validators if validator.language]
        items = [_Item(test.input, test) for test in self.package.tests]
        items += [_Item(data.test.input, data.test, data.kind) for data in self.package.data_tests]
        if self.package.input_validators and not validators:
            self.faults.append(NOT_VALIDATED)
        rejected: set[str] = set()
        for validator in validators:
            rejected |= await self._validate(validator, items)
        if self.run_time.seconds > _MAX_SECONDS:
            self._fault("", f"The validators ran for over {_MAX_SECONDS:.0f} s, so not all of the data was checked.")
            return
        for item in items:
            if validators and item.kind is DataKind.INVALID_INPUT and item.path not in rejected:
                self._fault(item.path, "No input validator rejects it.")

    async def _judge_outputs(self) -> None:
        """Compile the judges; judge the answers of samples, and the outputs that are there to be judged."""
        package, problem = self.package, self._problem
        items: list[_Item] = []
        if not package.talks:
            items += [_Item(test.answer, test, output=test.answer) for test in package.tests if test.is_sample]
            items += [
                _Item(data.output, data.test, data.kind, data.output) for data in package.data_tests if data.output
            ]
        items = items or [_Item("", package.tests[0])]
        judges = await self.runs.files_of_judges(package)
        async with aclosing(self._events(problem.program, _SHOW_FILES, items, judges)) as events:
            async for item, event in events:
                if isinstance(event, JudgeFailed):
                    self._fault(package.judges[event.judge].program.name, "It does not compile.", event.judge_message)
                elif isinstance(event, TestEnded) and item.output:
                    is_wanted = (event.verdict in GOOD_VERDICTS) is not (item.kind is DataKind.INVALID_OUTPUT)
                    if not is_wanted or event.verdict is Verdict.JUDGE_ERROR:
                        message = event.judge_message or event.diff or event.error
                        self._fault(item.path, f"The verdict on this output is {event.verdict}.", message)

    async def _compile_grader(self) -> None:
        if self.package.grader is not None:
            async with aclosing(self._ends(self.package.grader, [_Item("", self.package.tests[0])])) as ends:
                async for _ in ends:
                    pass

    async def _validate(self, validator: PackageProgram, items: Sequence[_Item]) -> set[str]:
        """Run an input validator, and return the paths of the invalid inputs that it rejects."""
        name, rejected = validator.name.rpartition("/")[2], set[str]()
        items = [replace(item, args=item.test.args_for(name)) for item in items]
        async with aclosing(self._ends(validator, items)) as ends:
            async for item, event in ends:
                accepts = self._accepts(event)
                if item.kind is not DataKind.INVALID_INPUT and not accepts:
                    ended = f"The input validator {name} does not accept it."
                    self._fault(item.path, ended, event.error or event.stderr or event.stdout)
                elif accepts is False and item.kind is DataKind.INVALID_INPUT:
                    rejected.add(item.path)
        return rejected

    async def _ends(self, program: PackageProgram, items: Sequence[_Item]) -> AsyncGenerator[tuple[_Item, TestEnded]]:
        """Yield the ends of a program that runs by itself, each with its item. It is a fault if it does not compile."""
        files = await self.runs.judge_files(self.package, program)
        async with aclosing(self._events(self._problem.by_itself(program), files, items)) as events:
            async for item, event in events:
                if isinstance(event, Compiled):
                    self._fault(program.name, "It does not compile.", event.output)
                elif isinstance(event, TestEnded):
                    yield item, event

    def _accepts(self, event: TestEnded) -> bool | None:
        """Return whether an input validator accepts; None if it failed: by a signal, or beyond a limit."""
        if event.signal or event.verdict not in (*GOOD_VERDICTS, Verdict.RUNTIME_ERROR):
            return None
        is_polygon = self.package.format is PackageFormat.POLYGON
        return event.exit_code == (_ACCEPTED_BY_TESTLIB if is_polygon else _ACCEPTED)

    async def _events(
        self,
        program: JobProgram,
        files: Mapping[str, bytes],
        items: Sequence[_Item],
        judges: Mapping[str, Mapping[str, bytes]] | None = None,
    ) -> AsyncGenerator[tuple[_Item, _End]]:
        """Yield the ends of runs, each with its item, and what makes all of them impossible."""
        silence_s = program.silence_s + elapsed(program.options.limits)
        while items and not self._is_over:
            number = fitting(self.package, [((each.test.input, each.test.answer), (each.output,)) for each in items])
            some, items = items[:number], items[number:]
            outputs = await self.runs.contents(self.package, {item.output for item in some if item.output})
            cases = tuple(self._case(item, outputs, is_judged=judges is not None) for item in some)
            request = await asyncio.to_thread(replace(program, cases=cases).request, files, judges)
            async with aclosing(self.runs.events(request, share=self.share, silence_s=silence_s)) as events:
                async for event in events:
                    self.run_time.add(event)
                    if isinstance(event, TestEnded):
                        yield some[event.number - 1], event
                    elif isinstance(event, JudgeFailed) or (isinstance(event, Compiled) and event.verdict is not None):
                        yield some[0], event
                        return
                    if self._is_over:
                        return

    @property
    def _is_over(self) -> bool:
        """True if nothing more is run: there are enough faults, or the time of all validators is used up."""
        return len(self.faults) >= _MAX_FAULTS or self.run_time.seconds > _MAX_SECONDS

    def _case(self, item: _Item, outputs: Mapping[str, bytes], *, is_judged: bool) -> Case:
        package, test = self.package, item.test
        fields: dict[str, Any] = {"stdin_sha256": package.files[test.input].digest, "args": item.args}
        if item.output:
            fields["files"] = [file_of("output.txt", outputs[item.output])]
        if is_judged:
            fields |= {"checker_args": test.checker_args, "expected_sha256": package.files[test.answer].digest}
        return Case(fields, test.name)

    def _fault(self, path: str, sentence: str, message: str | None = None) -> None:
        if len(self.faults) < _MAX_FAULTS:
            self.faults.append(fault_of(path, sentence, message))


def fault_of(path: str, sentence: str, message: str | None) -> dict[str, str]:
    """Return a fault as answers have it, with the message of the program that has found it."""
    detail = "\n".join(filter(None, (sentence, message)))[:_MAX_DETAIL]
    return {"path": path, "detail": replace_controls(detail)}
