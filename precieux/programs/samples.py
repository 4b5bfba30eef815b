"""The sample programs, and the expected result of each (`samples/samples.toml`)."""

import tomllib
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from precieux.programs.read import guess_language
from precieux_client import Submission
from shared.common.service.errors import PrecieuxError
from shared.engine_api.codex import Verdict
from shared.records.messages.verdict_texts import LABELS

_PACKED: Final = Path(__file__).parents[1] / "sample_programs"
#: The folder of the samples, in the installed package or in a checkout.
FOLDER: Final = _PACKED if _PACKED.is_dir() else Path(__file__).parents[2] / "samples"


@dataclass(frozen=True, slots=True)
class SampleProgram:
    """One program and its expected result; `output` is None if it may vary. `samples.toml` describes the fields."""

    path: Path
    title: str
    verdict: str
    input: str = ""
    output: str | None = None
    error: str = ""
    show: bool = False

    @property
    def language(self) -> str:
        language = guess_language(self.path)
        assert language is not None, f"{self.path.name} has the extension of no known language"
        return language

    def mismatch(self, submission: Submission) -> str | None:
        """Return a few words about what differs from the expectation; None if nothing does."""
        run = submission.run
        if submission.state != "finished" or run is None:
            return f"state {submission.state}"
        if submission.verdict != self.verdict:
            return f"verdict {submission.verdict}, not {self.verdict}"
        if self.output is not None and run.stdout != self.output:
            return "another output"
        if self.error not in (run.compile_output or "") + (run.stderr or ""):
            return f"an error without {self.error!r}"
        return None


@dataclass(frozen=True, slots=True)
class SampleResult:
    """The result of one submitted sample. `submission` or `mail` is None if it did not come in time."""

    sample: SampleProgram
    number: int
    email: str
    submission: Submission | None
    mail: EmailMessage | None

    @property
    def complaint(self) -> str | None:
        """A few words about what is not as expected; None if everything is."""
        if self.submission is None:
            return "did not finish"
        if mismatch := self.sample.mismatch(self.submission):
            return mismatch
        if self.mail is None:
            return "no mail came"
        # The original's calls have two subjects. The second one is for every error.
        original = "Successful Code result" if self.sample.verdict == "ok" else "Error while compiling code"
        what = LABELS[Verdict(self.sample.verdict)].lower()
        subjects = (f"{original} - {self.number}", f"{self.sample.path.name}: {what} (#{self.number})")
        if self.mail["Subject"] not in subjects or self.mail["To"] != self.email:
            return "the mail's subject or recipient differs"
        return None


def load_samples() -> list[SampleProgram]:
    try:
        entries = tomllib.loads((FOLDER / "samples.toml").read_text(encoding="utf-8"))["sample"]
    except FileNotFoundError as exc:
        raise PrecieuxError(
            "The samples are missing, as in an image: run the demo in a checkout, or where pip installed Precieux."
        ) from exc
    return [SampleProgram(path=FOLDER / entry.pop("file"), **entry) for entry in entries]
