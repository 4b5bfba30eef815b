"""The names and explanations of verdicts, for people. They are translated where they are shown."""

from collections.abc import Mapping
from typing import Final

from shared.engine_api.codex import Verdict
from shared.engine_api.unit_tests import UnitTestOutcome
from shared.records.messages.translations import gettext_noop

#: A heading of a few words.
LABELS: Final[Mapping[Verdict, str]] = {
    Verdict.OK: gettext_noop("Finished"),
    Verdict.ACCEPTED: gettext_noop("Accepted"),
    Verdict.WRONG_ANSWER: gettext_noop("Wrong answer"),
    Verdict.COMPILE_ERROR: gettext_noop("Compile error"),
    Verdict.RUNTIME_ERROR: gettext_noop("Runtime error"),
    Verdict.TIME_LIMIT: gettext_noop("Time limit exceeded"),
    Verdict.MEMORY_LIMIT: gettext_noop("Memory limit exceeded"),
    Verdict.OUTPUT_LIMIT: gettext_noop("Output limit exceeded"),
    Verdict.INTERNAL_ERROR: gettext_noop("Engine error"),
    Verdict.JUDGE_ERROR: gettext_noop("Could not be judged"),
}
#: The same for outcomes of unit tests.
OUTCOMES: Final[Mapping[UnitTestOutcome, str]] = {
    UnitTestOutcome.PASSED: gettext_noop("Passed"),
    UnitTestOutcome.FAILED: gettext_noop("Failed"),
    UnitTestOutcome.ERROR: gettext_noop("Error"),
    UnitTestOutcome.SKIPPED: gettext_noop("Skipped"),
    UnitTestOutcome.XFAIL: gettext_noop("Expected to fail"),
    UnitTestOutcome.NOT_RUN: gettext_noop("Not run"),
}
#: A sentence, where the heading does not say everything.
EXPLANATIONS: Final[Mapping[Verdict, str]] = {
    Verdict.COMPILE_ERROR: gettext_noop("The program could not be compiled."),
    Verdict.RUNTIME_ERROR: gettext_noop("The program ended with an error."),
    Verdict.TIME_LIMIT: gettext_noop("The program exceeded its time limit, and was stopped."),
    Verdict.MEMORY_LIMIT: gettext_noop("The program exceeded its memory limit, and was stopped."),
    Verdict.OUTPUT_LIMIT: gettext_noop("The program exceeded its output limit, and was stopped."),
    Verdict.ACCEPTED: gettext_noop("The output is what was expected."),
    Verdict.WRONG_ANSWER: gettext_noop("The output is not what was expected."),
    Verdict.JUDGE_ERROR: gettext_noop(
        "The program ran, but the judge of this task failed. This is no fault of the program. It will be judged again"
        " when the task is mended."
    ),
}
#: The title of a judge's message to the program's author.
JUDGE_SAYS: Final = gettext_noop("What the judge says")
