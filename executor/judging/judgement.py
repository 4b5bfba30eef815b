"""Describes what a judge says of one test. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from executor.sandbox.base import LeftOut, StepResult
from shared.common.text.control_characters import LINE_SEPARATORS, replace_controls
from shared.engine_api.codex import Verdict

#: The most of a judge's feedback files that are read.
MAX_FEEDBACK_FILES: Final = 1024
#: The same if they stand in the box of the next pass. It has room for 1,024 files, and the judge's own may be 768.
MAX_KEPT_FILES: Final = 192
#: Bytes that are kept of each text of a judge. A line end of Windows becomes one character, so twice as much is read as
#: is shown.
KEPT_BYTES: Final = 131072
#: Bytes of a message, in UTF-8, and of a judge's standard error that are shown after it has failed.
_MESSAGE_BYTES: Final = KEPT_BYTES // 2
_STDERR_BYTES: Final = 4096


@dataclass(frozen=True)
class Judgement:
    """The verdict on a test. `message` is for the program's author, `judge_message` for the test's. `points` is None if
    the verdict decides. `score` and `multiplier` are what the judge of a problem wrote, unchecked. `cpu_s` is the CPU
    time of all judges of the test, and `waited_s` the time in which they waited for a processor. `may_name_answer` is
    about the `message`. `feedback` are the files of a judge that may ask for another pass."""

    verdict: Verdict
    message: str | None = None
    judge_message: str | None = None
    points: float | None = None
    score: float | None = None
    multiplier: float | None = None
    cpu_s: float = 0.0
    waited_s: float = 0.0
    may_name_answer: bool = False
    feedback: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def after(self, before: "Judgement") -> "Judgement":
        """Return the same judgement, with the time of the judges before."""
        return replace(self, cpu_s=self.cpu_s + before.cpu_s, waited_s=self.waited_s + before.waited_s)


def judge_error(sentence: str, feedback: bytes = b"", stderr: bytes = b"") -> Judgement:
    """Return the judgement after a judge has failed, with its feedback and the end of its standard error."""
    end = clean(stderr.strip()[-_STDERR_BYTES:])
    room = _MESSAGE_BYTES - len(f"{sentence}\n\n{end}".encode())
    return Judgement(
        Verdict.JUDGE_ERROR, judge_message="\n".join(filter(None, (sentence, clean(feedback.strip(), room), end)))
    )


def why_failed(
    judge: str, ended: StepResult, explanation: str, output_bytes: int, max_files: int = MAX_FEEDBACK_FILES
) -> str | None:
    """Return a sentence if the judge was stopped or killed, or wrote too much; None if its exit code decides.

    `explanation` is for a judge that was stopped. `output_bytes` counts its streams and its feedback together,
    `max_files` its feedback files.
    """
    written, left_out = ended.written + ended.out_folder.written, ended.out_folder.left_out
    if ended.stopped == "output" or (
        ended.stopped is None and (written > output_bytes or LeftOut.TOO_LARGE in left_out)
    ):
        return f"The {judge} wrote more than {output_bytes} bytes of output and feedback."
    if ended.stopped is None and LeftOut.TOO_MANY in left_out:
        return f"The {judge} wrote more than {max_files} feedback files."
    if ended.stopped is None and ended.signal is None:
        return None
    return f"The {judge} failed. {explanation}"


def clean(text: bytes, max_bytes: int = _MESSAGE_BYTES) -> str | None:
    """Return a judge's text for people; None if it is blank."""
    shown = replace_controls(text[: 2 * max_bytes].decode(errors="replace")).translate(LINE_SEPARATORS)
    return shown.rstrip().encode()[:max_bytes].decode(errors="ignore") or None
