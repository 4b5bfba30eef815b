"""Makes the content of the mail about a run from its outcome. Pure.

The templates `result.html.j2` and `result.txt.j2` show the same, as HTML and as plain text. Output is hostile: no
subject or header contains any of it, the HTML part escapes it, and the text part indents it. Names of files are made
harmless. Of a hidden test only the name, the verdict and the points are shown.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from job_runner.emails.texts.sanitize import Excerpt, excerpt, one_line
from job_runner.emails.texts.wording import cause, command, subject, toolchain
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import FailedTest, Outcome, TestOutcome
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.engine_api.run_call.limits import ProgramLimits
from shared.judging.grading.fold import GradedGroup
from shared.records.messages import engine_reasons
from shared.records.messages.artifact_texts import about_left_out
from shared.records.messages.translations import (
    date_time,
    digits,
    gettext_noop,
    isolated,
    memory,
    number,
    percent,
    seconds,
    translations,
)
from shared.records.messages.verdict_texts import EXPLANATIONS, JUDGE_SAYS, LABELS, OUTCOMES
from shared.records.resources.mapping import coarse, hidden_name
from shared.records.resources.models import signal_name

_NO_LIMITS: Final = ProgramLimits()
#: Characters of texts of failed tests in one mail, of which each counts as some more for its frame. Gmail cuts off a
#: mail of more than 102 KB.
_FAILED_LENGTH: Final = 40_000
_FRAME_LENGTH: Final = 400
#: The first line of a difference (`shared.engine_api.checker`).
_PLACE: Final = re.compile(r"@@ (line|word) ([0-9]{1,9}) @@")
_PLACES: Final = {
    "line": gettext_noop("The first difference is in line %(number)s."),
    "word": gettext_noop("The first difference is in word %(number)s."),
}
#: What an engine says before the reason why it ended a compiler.
_COMPILATION: Final = "Compilation: "
#: Characters of the reason why a program could not be run.
_REASON_LENGTH: Final = 400


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

    def gettext(self, message: str, **values: str) -> str:
        """Return the message in the language of the mail, with the values in their places."""
        return translations(self._locale).gettext(message) % values

    def result(self) -> dict[str, Any]:
        """Return what the templates show: compile errors, then what went wrong, then output.

        `about` is what was run: its file and its language. A `tone` is a colour, which a word stands beside. `failed`
        are the tests that were not passed and whose texts may be shown; `failed_note` says if there are more.
        `files_note` is a sentence on the files that did not come back.
        """
        outcome, answer, details = self.outcome, self.outcome.answer, self.outcome.details
        if answer is None:
            return self._not_run()
        what, error = self._label(), ""
        if self._is_unjudged or (details and details.graded):
            pass
        elif outcome.tests is not None:
            what = self._summary(outcome.tests)
        elif answer.verdict is Verdict.RUNTIME_ERROR:
            error = cause(answer.error, self.job.filename or "", self._locale)
        has_unit_tests = bool(details and details.has_unit_tests)
        is_explained = bool(error or (outcome.tests and (outcome.success or has_unit_tests)))
        all_failed = [*self._failed(details.failed)] if details and not self._is_unjudged else []
        failed = _that_fit(all_failed)
        return {
            "subject": subject(self.job, what, self._problem),
            "about": self._about(answer),
            "heading": f"{what}: {error}" if error else what,
            "tone": "good" if outcome.success else "muted" if self._is_unjudged else "bad",
            "sentences": [*self._sentences(is_explained=is_explained)],
            "blocks": [*self._blocks(answer)],
            "tests": [*self._table()],
            "has_groups": bool(self._groups),
            "facts": [fact for fact in self._facts(answer) if fact.value],
            "links": [*self._links(answer)],
            "failed": failed,
            "failed_note": self.gettext("Open this result to see the other tests that failed.")
            if len(failed) < len(all_failed)
            else "",
            "files": self.files,
            "files_note": about_left_out(details.artifacts_left_out, self._locale) if details else "",
        }

    @property
    def _is_unjudged(self) -> bool:
        """True if a judge failed. Then nothing looks like a fault of the program."""
        return self.outcome.verdict is Verdict.JUDGE_ERROR

    @property
    def _problem(self) -> str:
        return self.outcome.details.problem if self.outcome.details else ""

    def _not_run(self) -> dict[str, Any]:
        outcome = self.outcome
        heading = self.gettext("Could not be run")
        blame = self.gettext("This is our fault, not the program’s.") if outcome.is_ours else ""
        reason_known, reason = engine_reasons.split(outcome.reason or "", self._locale)
        reason = reason_known or isolated(one_line(reason, _REASON_LENGTH), self._locale)
        nothing = ("blocks", "tests", "links", "failed", "failed_note", "files", "files_note", "has_groups")
        return {
            **dict.fromkeys(nothing, ()),
            "subject": subject(self.job, heading),
            "about": self._about(None),
            "heading": heading,
            "tone": "bad",
            "sentences": [
                self.gettext("Reason: %(reason)s", reason=reason),
                *filter(None, (blame, self.gettext(outcome.next_step))),
            ],
            "facts": [fact for fact in self._of_the_submission(toolchain(self.job.language)) if fact.value],
        }

    def _about(self, answer: RunResponse | None) -> tuple[str, ...]:
        language = toolchain((answer and answer.language) or self.job.language)
        return tuple(part for part in (one_line(self._problem), one_line(self.job.filename or ""), language) if part)

    def _label(self) -> str:
        verdict = self.outcome.verdict
        if verdict is not None:
            return self.gettext(LABELS[verdict])
        return self.gettext("Finished") if self.outcome.success else self.gettext("Error")

    def _summary(self, tests: Sequence[TestOutcome]) -> str:
        passed = sum(test.verdict in GOOD_VERDICTS for test in tests)
        ngettext = translations(self._locale).ngettext
        message = ngettext("%(passed)s of %(num)s test passed", "%(passed)s of %(num)s tests passed", len(tests))
        return message % {"passed": number(passed, self._locale), "num": number(len(tests), self._locale)}

    def _sentences(self, *, is_explained: bool) -> Iterator[str]:
        outcome, verdict = self.outcome, self.outcome.verdict
        reason, _ = self._reason_and_error()
        if reason:
            yield reason
        elif verdict is not None and verdict in EXPLANATIONS and not is_explained:
            yield self.gettext(EXPLANATIONS[verdict])
        details = outcome.details
        if details and (details.points is not None or details.graded) and not self._is_unjudged:
            points = self._points_of(details.points_awarded, details.points)
            yield self.gettext("Points: %(points)s", points=points)

    def _points_of(self, awarded: float | None, points: float | None) -> str:
        """Return points of the most; alone if there is no bound."""
        earned = number(awarded or 0, self._locale)
        return earned if points is None else self._beside(earned, number(points, self._locale))

    def _blocks(self, answer: RunResponse) -> Iterator[Block]:
        details, has_tests = self.outcome.details, self.outcome.tests is not None
        compile_output = details.compile_output if details else None
        _, error = self._reason_and_error()
        if answer.verdict is Verdict.COMPILE_ERROR:
            yield self._block(self.gettext("What the compiler says"), error or compile_output or "")
            return
        if details and details.message and not self._is_unjudged:
            yield self._block(self.gettext(JUDGE_SAYS), details.message)
        error = "" if has_tests else error
        errors = [self._block(self.gettext("Errors"), error)] if error else []
        output = [] if has_tests or (details and details.is_interactive) else [self._output(answer)]
        yield from (*output, *errors) if self.outcome.success else (*errors, *output)
        if compile_output:
            yield self._block(self.gettext("Compiler warnings"), compile_output)

    def _reason_and_error(self) -> tuple[str, str]:
        """Return why the engine ended the program, as a sentence, and the complaints of the program or compiler."""
        outcome, answer, details = self.outcome, self.outcome.answer, self.outcome.details
        if answer is None or answer.error == f"{answer.verdict}.":
            return "", ""
        if answer.verdict is Verdict.WRONG_ANSWER and details:
            return "", details.stderr or ""
        # What a program wrote itself is no reason of the engine's.
        if outcome.success or (details and details.stderr == answer.error):
            return "", answer.error
        return engine_reasons.split(answer.error.removeprefix(_COMPILATION), self._locale)

    def _output(self, answer: RunResponse) -> Block:
        if not answer.output:
            nothing = self.gettext("The program printed nothing.")
            return Block(self.gettext("Output"), excerpt(""), nothing)
        block = self._block(self.gettext("Output"), answer.output)
        notes = [block.note]
        if answer.truncated:
            notes.append(self.gettext("Only the first part of the output was kept."))
        if self.is_attached and answer.truncated:
            notes.append(self.gettext("It is attached as a file."))
        elif self.is_attached:
            notes.append(self.gettext("The whole output is attached as a file."))
        return Block(block.title, block.excerpt, " ".join(filter(None, notes)))

    def _block(self, title: str, text: str) -> Block:
        part = excerpt(text)
        if part.is_whole:
            return Block(title, part)
        if part.lines < part.all_lines:
            message, counts = (
                gettext_noop("These are the first %(part)s of %(all)s lines."),
                (part.lines, part.all_lines),
            )
        else:
            message = gettext_noop("These are the first %(part)s of %(all)s characters.")
            counts = len(part.text), len(text)
        shown, whole = (number(count, self._locale) for count in counts)
        return Block(title, part, self.gettext(message, part=shown, all=whole))

    @property
    def _groups(self) -> Sequence[GradedGroup]:
        graded = self.outcome.details and self.outcome.details.graded
        return graded.groups if graded else ()

    def _table(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of the groups of a problem if there are any, else those of the tests."""
        if not self._groups:
            yield from map(self._line, self.outcome.tests or (), itertools.count(1))
        # The groups of a pass-fail problem have no points.
        has_points = any(group.points or group.points_awarded for group in self._groups)
        for group in self._groups:
            line = self._result_of(group.verdict)
            points = self._points_of(group.points_awarded, group.points) if has_points and not self._is_unjudged else ""
            yield {**line, "name": one_line(group.name), "points": points, "usage": []}

    def _result_of(self, verdict: Verdict | None) -> dict[str, str]:
        return {
            "result": self.gettext(LABELS[verdict]) if verdict else self.gettext("Not run"),
            "tone": "good" if verdict in GOOD_VERDICTS else "muted" if verdict is None or self._is_unjudged else "bad",
        }

    def _line(self, test: TestOutcome, nth: int) -> dict[str, Any]:
        """Return a row of the table. `usage` is the time and the memory. The name of a hidden unit test may tell."""
        limits = test.limits or _NO_LIMITS
        usage = [
            self._usage(test.cpu_s, limits.cpu_s, seconds),
            self._usage(test.memory_bytes, limits.memory_bytes, memory),
        ]
        return {
            **self._result_of(test.verdict),
            **({"result": self.gettext(OUTCOMES[test.outcome])} if test.outcome else {}),
            "name": self._name(hidden_name(nth) if test.hidden and test.outcome else test.name),
            "points": "" if self._is_unjudged else self._points_of(test.points_awarded, test.points),
            "usage": [] if test.hidden else [*filter(None, usage)],
        }

    def _usage(self, used: Any, limit: Any, unit: Callable[[Any, str], str]) -> str:
        """Return a measurement, beside its limit if that is known; an empty text if the engine did not measure it."""
        if used is None:
            return ""
        shown = unit(used, self._locale)
        return self._beside(shown, unit(limit, self._locale)) if limit else shown

    def _beside(self, part: str, whole: str) -> str:
        return self.gettext("%(part)s of %(whole)s", part=part, whole=whole)

    def _name(self, name: str) -> str:
        """Return the name of a test on one line. A name that is a number has the digits of the mail."""
        return digits(name, self._locale) if name.isdecimal() else one_line(name)

    def _failed(self, failed: Sequence[FailedTest]) -> Iterator[dict[str, Any]]:
        verdicts = {test.name: test.verdict for test in self.outcome.tests or ()}
        for test in failed:
            if blocks := [*self._failed_blocks(test)]:
                title = self.gettext("Test %(name)s", name=isolated(self._name(test.name), self._locale))
                # The blocks of a wrong answer show what was expected and what was printed.
                if (verdict := verdicts.get(test.name)) not in (None, Verdict.WRONG_ANSWER):
                    title = f"{title}: {self.gettext(LABELS[verdict])}"
                yield {"title": title, "blocks": blocks}

    def _difference(self, diff: str) -> Iterator[Block]:
        """Yield what was expected and what was printed, from where they differ."""
        head, *lines = diff.split("\n")
        place = _PLACE.fullmatch(head)
        where = self.gettext(_PLACES[place[1]], number=digits(place[2], self._locale)) if place else ""
        for title, sign, note in ((self.gettext("Expected"), "-", ""), (self.gettext("Printed"), "+", where)):
            text = "\n".join(line[1:] for line in lines if line.startswith(sign))
            yield Block(title, excerpt(text), " ".join(filter(None, ("" if text else self.gettext("Nothing."), note))))

    def _failed_blocks(self, failed: FailedTest) -> Iterator[Block]:
        if failed.message:
            yield self._block(self.gettext(JUDGE_SAYS), failed.message)
        if failed.diff:
            yield from self._difference(failed.diff)
        elif failed.expected:
            yield self._block(self.gettext("Expected"), failed.expected)
        if failed.stdout:
            yield self._block(self.gettext("Output"), failed.stdout)
        if failed.stderr:
            yield self._block(self.gettext("Errors"), failed.stderr)
        if failed.stdin:
            yield self._block(self.gettext("Input"), failed.stdin)

    def _facts(self, answer: RunResponse) -> Iterator[Fact]:
        """Yield what is known about the run. A fact without a value is not known."""
        locale, job = self._locale, self.job
        limits = (self.outcome.details and self.outcome.details.limits) or _NO_LIMITS
        is_exceeded = answer.verdict is Verdict.TIME_LIMIT and answer.cpu_pressure is not None
        run = None if answer.verdict is Verdict.COMPILE_ERROR else answer.run
        yield from self._of_the_submission(toolchain(answer.language or job.language, answer.info))
        yield Fact(self.gettext("Run at"), date_time(datetime.fromtimestamp(answer.time_stamp / 1000, UTC), locale))
        used: dict[str, Any] = {"cpu_s": answer.time_s, "memory_bytes": answer.memory_bytes, "wall_s": answer.wall_s}
        if self.outcome.details and any(test.hidden for test in self.outcome.details.tests or ()):
            used = coarse(used)
        yield Fact(self.gettext("CPU time"), self._usage(used["cpu_s"], limits.cpu_s, seconds))
        yield Fact(self.gettext("Memory"), self._usage(used["memory_bytes"], limits.memory_bytes, memory))
        yield Fact(self.gettext("Elapsed time"), self._usage(used["wall_s"], None, seconds))
        yield Fact(
            self.gettext("Exit code"), digits(str(answer.exit_code), locale) if answer.exit_code is not None else ""
        )
        yield Fact(self.gettext("Signal"), signal_name(answer.signal) or "", is_code=True)
        yield Fact(self.gettext("Attempts"), number(job.attempt, locale) if job.attempt > 1 else "")
        yield Fact(
            self.gettext("Time lost to other programs"),
            percent(answer.cpu_pressure or 0, locale) if is_exceeded else "",
        )
        yield Fact(self.gettext("Compiled by"), command(answer.compile or ""), is_code=True)
        yield Fact(self.gettext("Run by"), command(run or ""), is_code=True)

    def _of_the_submission(self, language: str) -> Iterator[Fact]:
        job = self.job
        yield Fact(self.gettext("Submission"), digits(str(job.upload), self._locale))
        yield Fact(self.gettext("Run number"), number(job.number, self._locale) if job.number > 1 else "")
        yield Fact(self.gettext("File"), one_line(job.filename or ""), is_code=True)
        yield Fact(self.gettext("Language"), language, is_code=True)
        yield Fact(self.gettext("Received at"), date_time(job.requested_at, self._locale) if job.requested_at else "")

    def _links(self, answer: RunResponse) -> Iterator[dict[str, str]]:
        yield {"text": self.gettext("Open this result"), "url": self.page}
        if self.filelink and answer.output:
            whole, kept = self.gettext("The whole output"), self.gettext("All of the output that is kept")
            is_shown = excerpt(answer.output).is_whole
            text = self.gettext("The output as a file") if is_shown else kept if answer.truncated else whole
            yield {"text": text, "url": self.filelink}


def _that_fit(failed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first of the failed tests, as many as a mail can hold."""
    room = _FAILED_LENGTH
    for count, test in enumerate(failed):
        room -= sum(_FRAME_LENGTH + len(block.excerpt.text) for block in test["blocks"])
        if room < 0:
            return failed[:count]
    return failed
