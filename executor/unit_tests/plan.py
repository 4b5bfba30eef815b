"""Plans the jobs of unit tests: what each box gets, and its limits. Pure."""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from executor import limits
from executor.catalogue.installed import Installed
from executor.limits import RunLimits
from executor.pipeline.plan import PlannedRun, cold_box, plan_program
from executor.sandbox.base import GIVEN, Job, JudgeJob, Laps, Step, WorkFile
from executor.settings import MIB, ExecutorSettings
from executor.unit_tests import jvm, node
from executor.unit_tests.bundle import ARCHIVE, Bundle
from shared.engine_api.run_call.events import CollectedTest
from shared.engine_api.run_call.limits import judge_limits_in_effect
from shared.engine_api.run_call.request import ProgramRequest, ProgramTest, UnitTests
from shared.engine_api.unit_tests import UnitTestFramework, find_test_files

#: Seconds that no unit tests take. The real limits are those of each test.
_NO_LIMIT_S: Final = 24 * 3600.0
#: The most bytes of a program's output in a test, which must fit into one message.
_MAX_OUTPUT_BYTES: Final = 2 << 20
_MAIN: Final = "start.py"
_START: Final = """
import sys
sys.path[0] = '/box/given/{archive}'
from executor.unit_tests.boxes.{module} import main
{end}main()
"""
#: Nothing of ours is on the path of the student's program.
_LEAVE: Final = "del sys.path[0]\n"


@dataclass(frozen=True)
class UnitTestPlan:
    """The unit tests of a request, which has them."""

    request: ProgramRequest
    installed: Installed
    settings: ExecutorSettings
    bundle: Bundle
    #: What the compiler of Java has made of the tests and of the program; None before, and in other languages.
    compiled_tests: Mapping[str, WorkFile] | None = None
    compiled_program: Mapping[str, WorkFile] | None = None

    @property
    def tests(self) -> UnitTests:
        assert self.request.unit_tests
        return self.request.unit_tests

    @property
    def own_limits(self) -> RunLimits:
        """The limits of the tests' box, for each test."""
        in_effect = judge_limits_in_effect(self.tests.limits, limits.bounds(self._of_language))
        return RunLimits(**in_effect.model_dump())

    @property
    def student_limits(self) -> RunLimits:
        """The limits of the student's box, for each test."""
        return limits.limits_for_test(self.request.limits, self._of_language)

    @property
    def start_limits(self) -> RunLimits:
        """The limits of the student's box while it imports the program."""
        usual, own = limits.default_limits(self._of_language), self.student_limits
        return replace(own, cpu_s=max(own.cpu_s, usual.cpu_s), wall_s=max(own.wall_s, usual.wall_s))

    @property
    def total_cpu_s(self) -> float:
        return self.tests.total_cpu_s or 10 * self.student_limits.cpu_s

    @property
    def planned(self) -> PlannedRun:
        """The run of the student's program without tests, which says its files and environment."""
        given = self.tests.shared_files if self.is_java else []
        taken = {file.path for file in given}
        files = [*(file for file in self.request.files if file.path not in taken), *given]
        request = self.request.model_copy(update={"unit_tests": None, "files": files})
        return plan_program(request, self.installed, self.settings).run(ProgramTest())

    @property
    def test_files(self) -> dict[str, bytes]:
        return {file.path: file.data() for file in self.tests.files}

    def listing(self, report: socket.socket) -> Job:
        """Return the job that lists the tests."""
        return self._job(report, self.own_limits, numbers=None, modules=[], failure=None)

    def pair(
        self,
        place: Callable[[Job], Job],
        report: socket.socket,
        begun: tuple[Callable[[Laps], None], Callable[[Laps], None]],
        modules: Sequence[str],
        chosen: Mapping[int, CollectedTest],
        failure: str | None,
    ) -> Job:
        """Return the job of the student's box, with that of the tests' beside it. `begun` get the laps of both, the
        student's first. `place` finds a warm box for the student's."""
        numbers = [[number, test.group, test.name, test.points] for number, test in chosen.items()]
        unlimited = replace(self.own_limits, cpu_s=_NO_LIMIT_S, wall_s=_NO_LIMIT_S)
        judge = self._job(report, unlimited, numbers=numbers, modules=list(modules), failure=failure)
        judge = replace(judge, step=replace(judge.step, on_begin=begun[1]))
        job = self.planned.job
        shared = {file.path: WorkFile(file.data()) for file in self.tests.shared_files}
        settings = {
            "entry": self._entry,
            "alias": self._alias(modules),
            "files": [*job.files, *shared],
            "output_bytes": self._output_bytes,
        }
        step_limits = replace(job.step.limits, cpu_s=_NO_LIMIT_S, wall_s=self.own_limits.wall_s)
        argv, given = self._box("student", settings)
        step = replace(job.step, argv=argv, limits=step_limits, on_begin=begun[0])
        own = replace(
            job,
            files={**job.files, **shared, **(self.compiled_program or {})},
            step=step,
            out_limits=None,
            given=given,
        )
        return replace(
            own if self._is_node or self.is_java else place(own), judge=JudgeJob(judge, accepting=frozenset())
        )

    def _job(self, report: socket.socket, own: RunLimits, **settings: Any) -> Job:
        files = self.test_files
        settings |= {
            "framework": self.tests.framework,
            "tests": find_test_files(self.tests.framework, list(files)),
            "module": self.tests.module,
            "visibility": self.tests.visibility,
            "entry": self._entry,
            "output_bytes": self._output_bytes,
        }
        argv, given = self._box("tests", settings)
        step = Step(
            argv=argv,
            environment={
                **self.installed.environment,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONHASHSEED": "random",
            },
            limits=limits.run_step_limits(own, self.settings, self.installed.language.run.extra_memory_mib * MIB),
            output_bytes=own.output_bytes,
            report=report,
        )
        if settings["numbers"] is not None:
            given |= {f"sources/{file.path}": file.data() for file in self.request.files}
        work = self.compiled_tests or {path: WorkFile(content) for path, content in files.items()}
        return Job(dict(work), step, cold_box(self.settings), given=given)

    def _box(self, box: str, settings: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, bytes]]:
        """Return the command of a box, and the files that it is given."""
        if self._is_node:
            words = self.planned.job.step.argv[:-1] if box == "student" else (self.installed.tools["node"],)
            return node.command(box, words), node.given(box, settings)
        if self.is_java:
            words, archive = self.planned.job.step.argv, self.bundle.student if box == "student" else self.bundle.tests
            return jvm.command(box, words, self.own_limits.memory_bytes), jvm.given(box, archive, settings)
        python = self.installed.tools["python"]
        if box == "student":  # the path is as a warm runtime wants it
            return (python, f"../given/{_MAIN}"), _given("agent", _LEAVE, self.bundle.student, settings)
        return (python, f"{GIVEN}/{_MAIN}"), _given("tests_box", "", self.bundle.tests, settings)

    @property
    def exit_call(self) -> str:
        """The function by which a program ends itself."""
        return {"js": "process.exit", "java": "System.exit"}.get(self.installed.code, "os._exit")

    @property
    def is_java(self) -> bool:
        return self.tests.framework == UnitTestFramework.JUNIT

    @property
    def _is_node(self) -> bool:
        return self.tests.framework == UnitTestFramework.NODE

    @property
    def _output_bytes(self) -> int:
        return min(self.student_limits.output_bytes, _MAX_OUTPUT_BYTES)

    @property
    def _entry(self) -> str:
        return self.planned.program.names.source

    def _alias(self, modules: Sequence[str]) -> str | None:
        """Return the name by which the tests import the entry; None if they import files by their own names."""
        if self.tests.module:
            return self.tests.module
        shared = {file.path.partition("/")[0].removesuffix(".py") for file in self.tests.shared_files}
        roots = [name for name in modules if "." not in name and name not in shared]
        own = {file.path.partition("/")[0].removesuffix(".py") for file in self.request.files}
        return roots[0] if len(roots) == 1 and roots[0] not in own else None

    @property
    def _of_language(self) -> ExecutorSettings:
        return limits.settings_for_language(self.settings, self.installed.language.needs)


def _given(module: str, end: str, archive: bytes, settings: Mapping[str, Any]) -> dict[str, bytes]:
    start = _START.format(archive=ARCHIVE, module=module, end=end)
    return {_MAIN: start.encode(), ARCHIVE: archive, "settings.json": json.dumps(settings).encode()}
