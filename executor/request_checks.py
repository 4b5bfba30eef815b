"""Checks that a request can run here: language, sizes, options and limits."""

from dataclasses import dataclass
from http import HTTPStatus

from executor import limits, wire
from executor.catalogue.installed import Installed
from executor.languages.base import INTERPRETER_ARGS
from executor.settings import ExecutorSettings
from executor.unit_tests import jvm
from executor.unit_tests.frameworks import frameworks_of
from shared.engine_api.codex import RunRequest
from shared.engine_api.languages import check_lang
from shared.engine_api.run_call.limits import is_allowed
from shared.engine_api.run_call.request import JudgeProgram, ProgramRequest, is_file_of
from shared.engine_api.unit_tests import UnitTestFramework


@dataclass(frozen=True)
class RequestChecks:
    """All raise `wire.BadRequest` with a sentence for the sender."""

    settings: ExecutorSettings
    #: By code. Looked up at each request, because languages may come and go (`executor.doctor.language_check`).
    installed: dict[str, Installed]
    has_tester: bool

    def run_request(self, run_request: RunRequest) -> Installed:
        """Return the language of a request to `POST /`."""
        for text, name, largest in (
            (run_request.code, "code", self.settings.max_source_bytes),
            (run_request.input, "input", self.settings.max_input_bytes),
        ):
            self._check_size(len(text) if len(text) > largest else len(text.encode()), name, largest)
        if not run_request.code.strip():
            raise wire.BadRequest("No code to run: `code` is empty.", language=run_request.language)
        return self._find(run_request.language)

    def program(self, request: ProgramRequest) -> Installed:
        """Return the language of a request to `POST /run` or `/converse`."""
        installed = self._find(request.language)
        # What a problem includes is not the sender's.
        if request.interpreter_args and INTERPRETER_ARGS not in installed.language.run.command:
            sentence = f"`interpreter_args` are not for {installed.name}."
            raise wire.BadRequest(sentence, HTTPStatus.UNPROCESSABLE_ENTITY)
        included = self.settings.max_checker_bytes if request.of_problem else 0
        self._check_sources(request, installed, self.settings.max_source_bytes + included)
        for judge in request.judges.values():
            self._check_sources(judge, self.language(judge.language), self.settings.max_checker_bytes)
            if fault := limits.excess_of_judge(judge.limits, self.settings):
                raise wire.BadRequest(fault, HTTPStatus.UNPROCESSABLE_ENTITY)
        self._check_unit_tests(request, installed)
        for test in request.tests if not request.of_problem else ():
            self._check_size(len(test.input()), "stdin", self.settings.max_input_bytes)
        for wanted in (request.limits, *(test.limits for test in request.tests)):
            if fault := (limits.excess_of_judge if request.of_problem else limits.excess)(wanted, self.settings):
                raise wire.BadRequest(fault, HTTPStatus.UNPROCESSABLE_ENTITY)
        return installed

    def _check_unit_tests(self, request: ProgramRequest, installed: Installed) -> None:
        tests = request.unit_tests
        if tests is None:
            return
        if not self.has_tester or tests.framework not in {each.framework for each in frameworks_of(installed)}:
            sentence = f"{tests.framework} does not run tests of programs in {installed.name} here."
            if tests.framework is UnitTestFramework.JUNIT and installed.code == "java":
                sentence = f"JUnit is not installed on this server: {jvm.INSTALL}"
            raise wire.BadRequest(sentence, HTTPStatus.UNPROCESSABLE_ENTITY)
        for name, files in (("files", tests.files), ("shared_files", tests.shared_files)):
            size = sum(len(file.data()) for file in files)
            self._check_size(size, f"unit_tests.{name}", self.settings.max_checker_bytes)
        if fault := limits.excess_of_judge(tests.limits, self.settings):
            raise wire.BadRequest(fault, HTTPStatus.UNPROCESSABLE_ENTITY)

    def _check_sources(
        self, program: ProgramRequest | JudgeProgram, installed: Installed | None, max_bytes: int
    ) -> None:
        """Check the files and options. A judge's language that is not here is an answer, and no bad request."""
        self._check_size(sum(len(file.data()) for file in program.files), "files", max_bytes)
        allowed = installed.language.compile.allowed if installed and installed.language.compile else ()
        for option in program.compiler_args:
            if installed and not is_allowed(option, allowed) and not is_file_of(program, option):
                raise wire.BadRequest(
                    f"`compiler_args` may not have {option[:80]!r}; {installed.name} allows: "
                    f"{' '.join(allowed) or 'none'}.",
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                )

    def _check_size(self, size: int, name: str, maximum: int) -> None:
        if size > maximum:
            raise wire.BadRequest(f"`{name}` is over {maximum} bytes.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _find(self, language: str) -> Installed:
        installed = self.language(language)
        if installed is None:
            codes = ", ".join(self.installed)
            raise wire.BadRequest(
                f"Unknown language {language[:40]!r}; `language` must be one of: {codes}.", language=language[:40]
            )
        return installed

    def language(self, name: str) -> Installed | None:
        """Return a language or a variant; None if it is not here."""
        languages, code = self.installed.values(), name.strip().lower()
        return self.installed.get(check_lang(name) or code) or next(
            (language.variants[code] for language in languages if code in language.variants), None
        )
