"""Makes the content of the mail about a run from its outcome. Pure.

The templates `result.html.j2` and `result.txt.j2` show the same, as HTML and as plain text. Output is hostile: no
subject or header contains any of it, the HTML part escapes it, and the text part indents it. Of a hidden test only the
name, the verdict and the points are shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from gettext import NullTranslations
from typing import Any, Final

from job_runner.emails.sanitize import Excerpt, excerpt, one_line
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import FailedTest, Outcome, TestOutcome
from shared.engine.codex import RunResponse, Verdict
from shared.engine.languages import name_of
from shared.engine.run_call import GOOD_VERDICTS, ProgramLimits
from shared.messages import engine_reasons
from shared.messages.artifact_texts import about_left_out
from shared.messages.translations import date_time, digits, isolated, memory, number, percent, seconds, translations
from shared.messages.verdict_texts import EXPLANATIONS, LABELS
from shared.resources.models import signal_name

_NO_LIMITS: Final = ProgramLimits()


@dataclass(frozen=True, slots=True)
class Block:
    """A text that a compiler, a program or an engine wrote, below its title. `note` says what of it is not shown."""

    title: str
    excerpt: Excerpt
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value. The value `is_code` if it is written from left to right in every language."""

    label: str
    value: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class ResultWriter:
    """Finds the words for an outcome in the language of its submission.

    `page` leads to the recipient's page, `filelink` to the output. `is_attached` is True if the output is a file of the
    mail. `files` are those that the program wrote, each with its name, its bytes and where its recipient finds it.
    """

    job: ClaimedJob
    outcome: Outcome
    page: str
    filelink: str | None
    is_attached: bool = False
    files: Sequence[Mapping[str, Any]] = ()

    @property
    def _locale(self) -> str:
        return self.job.locale

    @property
    def _words(self) -> NullTranslations:
        return translations(self._locale)

    def result(self) -> dict[str, Any]:
        """Return what the templates show: compile errors, then what went wrong, then output.

        `about` is what was run: its file and its language. A `tone` is a colour, which a word stands beside. `failed`
        is the first test that was not passed, if its texts may be shown. `files_note` is a sentence on the files that
        did not come back.
        """
        outcome, answer, details = self.outcome, self.outcome.answer, self.outcome.details
        if answer is None:
            return self._not_run()
        heading = self._summary(outcome.tests) if outcome.tests is not None else self._label()
        failed = details.failed if details else None
        name = {"name": isolated(one_line(failed.name), self._locale)} if failed else {}
        return {
            "subject": self._subject(heading),
            "about": self._about(answer),
            "heading": heading,
            "tone": "good" if outcome.success else "bad",
            "sentences": [*self._sentences()],
            "blocks": [*self._blocks(answer)],
            "tests": [*map(self._line, outcome.tests or ())],
            "facts": [*self._facts(answer)],
            "links": [*self._links(answer)],
            "failed": self._words.gettext("Test %(name)s") % name if failed else "",
            "failed_blocks": [*self._failed(failed)] if failed else [],
            "files": self.files,
            "files_note": about_left_out(details.artifacts_left_out, self._locale) if details else "",
        }

    def _not_run(self) -> dict[str, Any]:
        outcome = self.outcome
        blame = self._words.gettext("This is our fault, not the program’s.") if outcome.is_ours else ""
        nothing = ("tests", "links", "failed_blocks", "files", "files_note")
        return {
            **dict.fromkeys(nothing, ()),
            "subject": self._words.gettext("Code could not be run - %(id)s") % {"id": self._id()},
            "about": self._about(None),
            "heading": self._words.gettext("Could not be run"),
            "tone": "bad",
            "sentences": [*filter(None, (blame, self._words.gettext(outcome.next_step)))],
            "blocks": [Block(self._words.gettext("The reason"), excerpt(outcome.reason or ""))],
            "facts": [*self._of_the_submission(None)],
        }

    def _id(self) -> str:
        return digits(str(self.job.upload), self._locale)

    def _subject(self, heading: str) -> str:
        if self.outcome.tests is not None:
            return self._words.gettext("%(summary)s: code request %(id)s") % {"summary": heading, "id": self._id()}
        if self.outcome.success:
            return self._words.gettext("Successful Code result - %(id)s") % {"id": self._id()}
        return self._words.gettext("Error while compiling code - %(id)s") % {"id": self._id()}

    def _about(self, answer: RunResponse | None) -> tuple[str, ...]:
        language = name_of(one_line(answer.language if answer and answer.language else self.job.language))
        return tuple(part for part in (one_line(self.job.filename or ""), language) if part)

    def _label(self) -> str:
        verdict = self.outcome.verdict
        if verdict is not None:
            return self._words.gettext(LABELS[verdict])
        return self._words.gettext("Success") if self.outcome.success else self._words.gettext("Error")

    def _summary(self, tests: Sequence[TestOutcome]) -> str:
        passed = sum(test.verdict in GOOD_VERDICTS for test in tests)
        message = self._words.ngettext(
            "%(passed)s of %(num)s test passed", "%(passed)s of %(num)s tests passed", len(tests)
        )
        return message % {"passed": number(passed, self._locale), "num": number(len(tests), self._locale)}

    def _sentences(self) -> Iterator[str]:
        outcome, verdict = self.outcome, self.outcome.verdict
        if verdict is not None and verdict in EXPLANATIONS and not (outcome.tests and outcome.success):
            yield self._words.gettext(EXPLANATIONS[verdict])
        if outcome.details and outcome.details.points is not None:
            yield self._words.gettext("Points: %(points)s") % {
                "points": self._share(outcome.details.points_awarded or 0, outcome.details.points)
            }

    def _share(self, part: float, whole: float) -> str:
        return self._beside(number(part, self._locale), number(whole, self._locale))

    def _blocks(self, answer: RunResponse) -> Iterator[Block]:
        gettext, details, has_tests = self._words.gettext, self.outcome.details, self.outcome.tests is not None
        compile_output = details.compile_output if details else None
        if answer.verdict is Verdict.COMPILE_ERROR:
            yield self._block(gettext("What the compiler says"), answer.error or compile_output or "")
            return
        error = "" if has_tests else self._error(answer)
        errors = [self._block(gettext("Errors"), error)] if error else []
        output = [] if has_tests else [self._output(answer)]
        yield from (*output, *errors) if self.outcome.success else (*errors, *output)
        if compile_output:
            yield self._block(gettext("Warnings of the compiler"), compile_output)

    def _error(self, answer: RunResponse) -> str:
        """Return what the program wrote to its standard error, and why it ended badly, unless the heading says so."""
        if answer.verdict is Verdict.WRONG_ANSWER and self.outcome.details:
            return self.outcome.details.stderr or ""
        return "" if answer.error == f"{answer.verdict}." else engine_reasons.translated(answer.error, self._locale)

    def _output(self, answer: RunResponse) -> Block:
        if not answer.output:
            nothing = self._words.gettext("The program printed nothing.")
            return Block(self._words.gettext("Output"), excerpt(""), nothing)
        block = self._block(self._words.gettext("Output"), answer.output)
        notes = [block.note]
        if answer.truncated:
            notes.append(self._words.gettext("The program printed more than is kept."))
        if self.is_attached:
            notes.append(self._words.gettext("The whole output is attached as a file."))
        return Block(block.title, block.excerpt, " ".join(filter(None, notes)))

    def _block(self, title: str, text: str) -> Block:
        part = excerpt(text)
        if part.is_whole:
            return Block(title, part)
        if part.lines < part.all_lines:
            note = self._words.gettext("These are the first %(part)s of %(all)s lines.") % {
                "part": number(part.lines, self._locale),
                "all": number(part.all_lines, self._locale),
            }
        else:
            note = self._words.gettext("These are the first %(part)s of %(all)s characters.") % {
                "part": number(len(part.text), self._locale),
                "all": number(len(text), self._locale),
            }
        return Block(title, part, note)

    def _line(self, test: TestOutcome) -> dict[str, Any]:
        """Return a row of the table. `usage` is the time and the memory."""
        verdict = test.verdict
        limits = test.limits or _NO_LIMITS
        usage = () if test.hidden else (self._time(test.cpu_s, limits), self._memory(test.memory_bytes, limits))
        return {
            "name": one_line(test.name),
            "result": self._words.gettext(LABELS[verdict]) if verdict else self._words.gettext("Not run"),
            "tone": "muted" if verdict is None else "good" if verdict in GOOD_VERDICTS else "bad",
            "points": self._share(test.points_awarded, test.points),
            "usage": [*filter(None, usage)],
        }

    def _time(self, cpu_s: float | None, limits: ProgramLimits) -> str:
        """Return the CPU time, beside its limit if that is known; an empty text if the engine did not measure it."""
        if cpu_s is None:
            return ""
        used = seconds(cpu_s, self._locale)
        return self._beside(used, seconds(limits.cpu_s, self._locale)) if limits.cpu_s else used

    def _memory(self, memory_bytes: int | None, limits: ProgramLimits) -> str:
        if memory_bytes is None:
            return ""
        used = memory(memory_bytes, self._locale)
        return self._beside(used, memory(limits.memory_bytes, self._locale)) if limits.memory_bytes else used

    def _beside(self, part: str, whole: str) -> str:
        return self._words.gettext("%(part)s of %(whole)s") % {"part": part, "whole": whole}

    def _failed(self, failed: FailedTest) -> Iterator[Block]:
        gettext = self._words.gettext
        if failed.diff:
            yield self._block(gettext("The first difference"), failed.diff)
        if failed.stderr:
            yield self._block(gettext("Errors"), failed.stderr)
        if failed.stdin:
            yield self._block(gettext("Input"), failed.stdin)

    def _facts(self, answer: RunResponse) -> Iterator[Fact]:
        gettext, locale = self._words.gettext, self._locale
        yield from self._of_the_submission(answer)
        yield Fact(gettext("Run at"), date_time(datetime.fromtimestamp(answer.time_stamp / 1000, UTC), locale))
        limits = (self.outcome.details and self.outcome.details.limits) or _NO_LIMITS
        if answer.time_s is not None:
            yield Fact(gettext("CPU time"), self._time(answer.time_s, limits))
        if answer.memory_bytes is not None:
            yield Fact(gettext("Memory"), self._memory(answer.memory_bytes, limits))
        if answer.wall_s is not None:
            yield Fact(gettext("Elapsed time"), seconds(answer.wall_s, locale))
        if answer.exit_code is not None:
            yield Fact(gettext("Exit code"), str(answer.exit_code), is_code=True)
        if answer.signal is not None:
            yield Fact(gettext("Signal"), signal_name(answer.signal) or "", is_code=True)
        if self.job.attempt > 1:
            yield Fact(gettext("Attempts"), number(self.job.attempt, locale))
        if answer.verdict is Verdict.TIME_LIMIT and answer.cpu_pressure is not None:
            yield Fact(gettext("Time in which others used the processors"), percent(answer.cpu_pressure, locale))
        run = None if answer.verdict is Verdict.COMPILE_ERROR else answer.run
        for label, command in ((gettext("Compiled by"), answer.compile), (gettext("Run by"), run)):
            if command:
                yield Fact(label, one_line(command), is_code=True)

    def _of_the_submission(self, answer: RunResponse | None) -> Iterator[Fact]:
        gettext, job = self._words.gettext, self.job
        yield Fact(gettext("Request"), self._id())
        if job.number > 1:
            yield Fact(gettext("Run number"), number(job.number, self._locale))
        if job.filename:
            yield Fact(gettext("File"), one_line(job.filename), is_code=True)
        version = one_line(answer.info.strip().partition("\n")[0]) if answer else ""
        language = version or name_of(one_line(answer.language if answer else job.language))
        if language:
            yield Fact(gettext("Language"), language, is_code=True)
        if job.requested_at is not None:
            yield Fact(gettext("Requested at"), date_time(job.requested_at, self._locale))

    def _links(self, answer: RunResponse) -> Iterator[dict[str, str]]:
        gettext = self._words.gettext
        yield {"text": gettext("Open this result"), "url": self.page}
        if self.filelink and answer.output:
            if excerpt(answer.output).is_whole:
                text = gettext("The output as a file")
            else:
                text = gettext("All of the output that is kept") if answer.truncated else gettext("The whole output")
            yield {"text": text, "url": self.filelink}
