"""Finds where a file of people has grades and feedback, and fills them in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from precieux.classes.rosters import TOTAL_POINTS, Roster
from precieux.classes.table import Table
from precieux.errors import UsageError

_CANVAS_COLUMN: Final = re.compile(r".*\([0-9]+\)", re.DOTALL)
_NAMES: Final = {
    "moodle": ("Grade", "Feedback comments", "Maximum grade"),
    "github": ("points_awarded", "", "points_available"),
    "blackboard": ("", "Feedback to Learner", ""),
    "canvas": ("", "", ""),
    "classroom": ("", "", ""),
}
_WITH_GRADES: Final = ("moodle", "canvas", "blackboard")
#: When a row was changed, as Moodle has it in its last column if there is no feedback.
_TIME: Final = re.compile(r"-|.*[0-9]:[0-9].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person gets: points of all points, None for no grade, and the feedback."""

    awarded: float | None
    points: float | None
    feedback: str


class Gradebook:
    """A roster whose grades are filled in. Columns of -1 are missing. Raises `UsageError` if it cannot take grades."""

    def __init__(self, roster: Roster, grade: str | None, feedback: str | None, max_grade: float | None) -> None:
        self.roster, self._max_grade, table = roster, max_grade, roster.table
        self._width = len(table.head)
        of_grade, of_feedback, of_maximum = _NAMES.get(roster.kind, ("grade", "feedback", ""))
        self._maximum = _named(table, of_maximum)
        if roster.kind == "moodle" and self._maximum < 0:
            self._maximum = self._same_numbers()
        self._grade = _named(table, of_grade)
        if grade is not None:
            self._grade = _part(table, grade, "--grade-column")
        elif self._grade < 0:
            self._grade = self._guessed()
        self._feedback = _named(table, of_feedback)
        if feedback is not None:
            self._feedback = _part(table, feedback, "--feedback-column")
        elif self._feedback < 0:
            self._feedback = self._last() if roster.kind == "moodle" else -1
        self.added = ["Grade"] if self._grade == self._width else []
        if self.added and self._feedback < 0:
            self._feedback = self._width + 1
            self.added.append("Feedback")
        self.replaced = self.graded = 0

    def filled(self, marks: Mapping[int, Mark]) -> bytes:
        """Return the file with the marks of these rows. A row whose maximum is wrong is refused."""
        cells: dict[tuple[int, int], str] = {}
        for row, mark in marks.items():
            grade = self._grade_of(row, mark)
            if row in self.roster.bad:
                continue
            if grade is not None:
                self.graded += 1
                self.replaced += bool(self.roster.cell(row, self._grade))
                cells[row, self._grade] = grade
            if self._feedback >= 0 and mark.feedback:
                cells[row, self._feedback] = mark.feedback
        return self.roster.table.edited(cells, self.added if cells else [], kept=self.roster.kept)

    def _grade_of(self, row: int, mark: Mark) -> str | None:
        """Return the grade as the file writes it; None if there is no grade."""
        if mark.awarded is None or not mark.points:
            return None
        text = self._max_of(row, mark.points)
        maximum = _number(text)
        if maximum is None or maximum <= 0:
            self.roster.refuse(row, f"its maximum {text!r} is no number above 0, so it gets no grade.")
            return None
        share = Decimal(str(mark.awarded)) / Decimal(str(mark.points)) * maximum
        grade = f"{share.quantize(Decimal('0.01'), ROUND_HALF_UP)}"
        return grade.replace(".", ",") if "," in text else grade

    def _max_of(self, row: int, points: float) -> str:
        """Return what full points are worth in a row, as the file or the option writes it."""
        roster = self.roster
        if roster.kind == "canvas" and roster.head_rows:
            return roster.cell(roster.head_rows - 1, self._grade)
        if roster.kind == "blackboard" and (match := TOTAL_POINTS.fullmatch(roster.table.head[self._grade])):
            return match[1]
        if self._maximum >= 0:
            return roster.cell(row, self._maximum)
        return f"{points if self._max_grade is None else self._max_grade:.12g}"

    def _guessed(self) -> int:
        """Return the only column that may be the grades'. A file without one gets one, or is refused."""
        roster, head = self.roster, self.roster.table.head
        forms = {"canvas": _CANVAS_COLUMN, "blackboard": TOTAL_POINTS}
        if roster.kind == "moodle" and self._maximum > 0:
            return self._maximum - 1
        found = [at for at, text in enumerate(head) if roster.kind in forms and forms[roster.kind].fullmatch(text)]
        if len(found) > 1:
            names = f"{', '.join(head[at] for at in found[:3])}{', ...' if len(found) > 3 else ''}"
            raise UsageError(
                f"{roster.table.name} has {len(found)} assignments ({names}): name one with --grade-column."
            )
        if not found and roster.kind in _WITH_GRADES:
            raise UsageError(f"{roster.table.name} has no column for grades: --grade-column names it.")
        return found[0] if found else self._width

    def _same_numbers(self) -> int:
        """Return the column whose cells are all one number above 0; -1 if there is none. Scales are refused."""
        roster, name = self.roster, self.roster.table.name
        for at in range(1, self._width):
            texts = {roster.cell(row, at) for row in roster.people}
            if len(texts) == 1 and (_number(texts.pop()) or 0) > 0:
                return at
        if _named(roster.table, "Scale") >= 0 and self._max_grade is None:
            raise UsageError(f"{name} grades by a scale; only numbers are written. Use --output.")
        return -1

    def _last(self) -> int:
        """Return Moodle's last column if it is the feedback's, in any language; else -1."""
        last = self._width - 1
        texts = {self.roster.cell(row, last) for row in self.roster.people} - {""}
        is_taken = last in (self._grade, self._maximum, self._maximum + 1)
        return -1 if is_taken or (texts and all(map(_TIME.fullmatch, texts))) else last


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _named(table: Table, heading: str) -> int:
    """Return the column of a heading, whose case does not count; -1 if there is none."""
    return next((at for at, text in enumerate(table.head) if heading and text.casefold() == heading.casefold()), -1)


def _part(table: Table, part: str, option: str) -> int:
    """Return the column that an option names. Raises `UsageError`."""
    if (whole := _named(table, part)) >= 0:
        return whole
    found: Sequence[int] = [at for at, text in enumerate(table.head) if part.casefold() in text.casefold()]
    if len(found) != 1:
        what = "no column" if not found else f"{len(found)} columns"
        raise UsageError(f"{option} {part}: {table.name} has {what} of that name.")
    return found[0]
