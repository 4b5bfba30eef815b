"""Plans how a program is compiled and runs: its files, commands and limits. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from executor import limits
from executor.catalogue.installed import Commands, Installed
from executor.languages.base import ARGS, COMPANIONS, INTERPRETER_ARGS
from executor.languages.program import ProgramSources, as_word, has_extension, program_of_files, program_of_source
from executor.limits import RunLimits, limits_for_source, limits_for_test
from executor.sandbox.base import (
    Job,
    OutLimits,
    OutputStream,
    Shortcut,
    Step,
    StepResult,
    Template,
    WorkFile,
    all_files,
)
from executor.settings import MIB, ExecutorSettings
from shared.engine_api.codex import RunRequest
from shared.engine_api.run_call.limits import MAX_ARTIFACTS, ProgramLimits, judge_limits_in_effect
from shared.engine_api.run_call.request import JudgeProgram, ProgramRequest, ProgramTest

#: Bytes that are kept of a compiler's diagnostics. The rest is read and dropped.
_DIAGNOSTICS_BYTES: Final = 65536
#: The options of a program that comes through CodeX's call, which has none.
_NO_OPTIONS: Final = ProgramRequest.model_construct()


@dataclass(frozen=True)
class PlannedRun:
    """One run of a program: the job that does it in a cold box, and the job that compiles the program before, or runs
    its build script."""

    installed: Installed
    program: ProgramSources
    compilation: Job | None
    job: Job

    @property
    def is_compiled_once(self) -> bool:
        """True if what a compiler makes serves for all runs. A build script may do more than make files."""
        return self.compilation is not None and self.program.build is None

    @property
    def commands(self) -> Commands:
        return Commands(self.compilation.step.argv if self.compilation else None, self.job.step.argv)

    def job_after(self, compiled: StepResult | None) -> Job:
        """Return the job with the files that a compiler has made, or with those that a build script has left."""
        if compiled is None:
            return self.job
        inputs = self.job.files if self.is_compiled_once else {}
        return replace(self.job, files={**inputs, **compiled.compiled_files})

    def without_headers(self) -> "PlannedRun":
        """Return the same run, compiled without precompiled headers."""
        if self.compilation is None:
            return self
        step = self.compilation.step
        argv = tuple(word for word in step.argv if word != self.installed.headers_option)
        return replace(self, compilation=replace(self.compilation, step=replace(step, argv=argv, shortcut=None)))


@dataclass(frozen=True)
class PlannedProgram:
    """A program with its tests (`POST /run`). `on_output` gets what its program writes, while it runs."""

    request: ProgramRequest
    program: ProgramSources
    installed: Installed
    settings: ExecutorSettings
    on_output: Callable[[OutputStream, bytes], None] | None = None

    @property
    def commands(self) -> Commands:
        """The commands of a test that has no arguments and limits of its own."""
        run_limits = limits_for_test(self.request.limits, _settings_for(self.installed, self.settings))
        return commands_of(self.program, self.installed, run_limits.memory_bytes)

    @property
    def memory_bytes(self) -> int:
        """The most bytes that the boxes of one step may take."""
        request, settings = self.request, _settings_for(self.installed, self.settings)
        wanted = [request.limits.memory_bytes, *(test.limits.memory_bytes for test in request.tests)]
        most = ProgramLimits(memory_bytes=max(filter(None, wanted), default=None))
        limit = limits_for_test(most, settings).memory_bytes
        bounds = limits.bounds(settings)
        judges = {
            name: judge_limits_in_effect(judge.limits, bounds).memory_bytes or 0
            for name, judge in request.judges.items()
        }
        run = limit + self.installed.language.run.extra_memory_mib * MIB + judges.get("interactor", 0)
        compiles = self.installed.language.compile or self.program.build or judges
        return max(run, *judges.values(), settings.compile_memory_limit if compiles else 0)

    def run(self, test: ProgramTest) -> PlannedRun:
        """Return the run of one test."""
        limits = test.limits.over(self.request.limits)
        run_limits = limits_for_test(limits, _settings_for(self.installed, self.settings))
        files = {file.path: WorkFile(file.data()) for file in test.files}
        return self.run_within(run_limits, test.input(), test.args, limits.address_space_bytes, files)

    def run_within(
        self,
        run_limits: RunLimits,
        stdin: bytes,
        args: tuple[str, ...] = (),
        address_space: int | None = None,
        files: Mapping[str, WorkFile] = MappingProxyType({}),
    ) -> PlannedRun:
        """Return a run with these limits. `files` stand beside those of the program."""
        program, installed, settings, options = self.program, self.installed, self.settings, self.request
        commands = commands_of(program, installed, run_limits.memory_bytes)
        environment, run = {**installed.environment, **options.environment}, installed.language.run
        work_files = {**{path: WorkFile(content) for path, content in program.files.items()}, **files}
        step = Step(
            argv=(*commands.run, *args),
            environment=environment,
            limits=limits.run_step_limits(
                run_limits,
                settings,
                run.extra_memory_mib * MIB,
                stack_bytes=min(filter(None, (options.stack_bytes, run.stack_mib * MIB)), default=None),
                file_bytes=options.file_bytes,
                address_space=address_space,
            ),
            output_bytes=run_limits.output_bytes,
            stdin=stdin,
            merge_output=options.merge_output,
            report_order=options.output_order,
            on_output=self.on_output,
        )
        job = Job(work_files, step, cold_box(settings), _out_limits(options, settings))
        compilation = None
        if commands.compile:
            compiler = self._compiler(commands.compile, environment)
            # What a build script leaves counts for each test. What a compiler makes serves for tests with other limits.
            memory = compiler.limits.memory_bytes, *([step.limits.memory_bytes] if program.build else [])
            compilation = Job(work_files, compiler, job.template, all_files(min(settings.max_disk_bytes, *memory)))
        return PlannedRun(installed, program, compilation, job)

    def _compiler(self, command: tuple[str, ...], environment: dict[str, str]) -> Step:
        options, settings = self.request, self.settings
        compile_limits = options.compile_limits
        return Step(
            argv=command,
            environment=environment,
            limits=limits.compile_step_limits(settings, compile_limits),
            output_bytes=min(compile_limits.output_bytes or _DIAGNOSTICS_BYTES, settings.max_output_bytes),
            merge_output=not options.output_order,
            stop_on_overflow=compile_limits.output_bytes is not None,
            report_order=options.output_order,
            shortcut=_shortcut(self.program, self.installed),
        )


def plan_source(request: RunRequest, installed: Installed, settings: ExecutorSettings) -> PlannedRun:
    """Return the only run of a program that comes through CodeX's call."""
    run_limits = limits_for_source(request, _settings_for(installed, settings))
    program = PlannedProgram(_NO_OPTIONS, program_of(request, installed), installed, settings)
    return program.run_within(run_limits, request.input.encode())


def memory_of_source(request: RunRequest, installed: Installed, settings: ExecutorSettings) -> int:
    """Return the most bytes that the boxes of a program that comes through CodeX's call may take."""
    memory = limits_for_source(request, _settings_for(installed, settings)).memory_bytes
    run = memory + installed.language.run.extra_memory_mib * MIB
    return max(run, settings.compile_memory_limit if installed.language.compile else 0)


def plan_program(request: ProgramRequest, installed: Installed, settings: ExecutorSettings) -> PlannedProgram:
    return PlannedProgram(request, program_of(request, installed), installed, settings)


def plan_judge(
    judge: JudgeProgram, installed: Installed, settings: ExecutorSettings, beside: Mapping[str, bytes]
) -> PlannedRun:
    """Return the run of a judge, without what a test adds. The files `beside` stand beside those of the judge, unless
    it has files or folders of their names."""
    request = ProgramRequest.model_construct(
        language=judge.language,
        files=judge.files,
        entry=judge.entry,
        compiler_args=judge.compiler_args,
        build=judge.build,
        limits=judge_limits_in_effect(judge.limits, limits.bounds(_settings_for(installed, settings))),
    )
    program = program_of(request, installed)
    taken = {path.partition("/")[0] for path in program.files}
    further = {name: content for name, content in beside.items() if name not in taken}
    if further:
        program = replace(program, files={**further, **program.files}, is_plain=False)
    return PlannedProgram(request, program, installed, settings).run(ProgramTest())


def program_of(request: RunRequest | ProgramRequest, installed: Installed) -> ProgramSources:
    """Return the request's program. The options of the language's variant come before its own, which win."""
    language, variant = installed.language, installed.variant
    if isinstance(request, ProgramRequest):
        program = program_of_files(request, language, installed.reserved)
    else:
        program = program_of_source(request.code, request.filename, language, installed.reserved)
    if variant is None:
        return program
    args = program.compiler_args
    return replace(program, compiler_args=(*_without_overridden(variant.args, args), *args), is_plain=False)


def commands_of(program: ProgramSources, installed: Installed, memory_bytes: int) -> Commands:
    """Return the commands for the program, whose data may take `memory_bytes`."""
    names = program.names
    values = {
        "source": as_word(names.source),
        "main": names.main,
        "stem": as_word(names.source.rpartition(".")[0]),
        "output": names.output,
        "memory_mib": str(memory_bytes >> 20),
        # Sources in different folders include headers by their paths in the program.
        "include": "-iquote." if len(program.files) > 1 else "",
    }
    compile_, run = installed.language.compile, installed.language.run
    compile_command: tuple[str, ...] | None = None
    if compile_:
        values["any_name"] = "" if has_extension(names.source, installed.language) else compile_.any_name
        words = _without_overridden(compile_.command, program.compiler_args)
        # Files that the options name come after the source, which a linker wants of libraries.
        named = [word for word in program.compiler_args if word in program.files and word != names.source]
        companions = dict.fromkeys((*program.companions, *named))
        options = tuple(word for word in program.compiler_args if word not in program.files)
        lists = {COMPANIONS: tuple(map(as_word, companions)), ARGS: options}
        compile_command = installed.command(words, lists, **values)
    elif program.build:
        compile_command = installed.command(run.command, **{**values, "source": as_word(program.build)})
    run_command = installed.command(run.command, {INTERPRETER_ARGS: program.interpreter_args}, **values)
    return Commands(compile_command, run_command)


def cold_box(settings: ExecutorSettings) -> Template:
    """Return the template of a cold box: nothing in it has started ahead of time."""
    return Template(settings.max_disk_bytes, limits.run_step_limits(limits.default_limits(settings), settings))


def _out_limits(options: ProgramRequest, settings: ExecutorSettings) -> OutLimits | None:
    """Return which files come back; None if the request wants none."""
    if settings.artifact_bytes == 0 or not (options.artifacts or options.fetch):
        return None
    paths = tuple(dict.fromkeys(options.fetch))
    return OutLimits(len(paths) or MAX_ARTIFACTS, settings.artifact_bytes, paths=paths)


def _settings_for(installed: Installed, settings: ExecutorSettings) -> ExecutorSettings:
    return limits.settings_for_language(settings, installed.language.needs)


def _shortcut(program: ProgramSources, installed: Installed) -> Shortcut | None:
    """Return the compiler's shortcut, with the name of the program's source in place of the usual one."""
    shortcut = installed.shortcut
    if shortcut is None or not program.is_plain:
        return None
    usual = installed.language.names_for("").source
    compile_, assemble, link = shortcut.commands
    renamed = tuple(program.names.source if word == usual else word for word in compile_)
    return replace(shortcut, commands=(renamed, assemble, link))


def _without_overridden(words: tuple[str, ...], overriding: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command without the options that the program sets itself, such as `--edition=`."""
    set_ = {name for name, equals, _ in (option.partition("=") for option in overriding) if equals}
    return tuple(word for word in words if "=" not in word or word.partition("=")[0] not in set_)
