"""Reads who is in a class, of the file that a system gives and takes, and finds who handed in what."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from precieux.classes.sources.work import Person, Work
from precieux.classes.table import Table

_ID_WORDS: Final = ("id", "sid", "studentid", "matriculation", "username", "login", "email")
_NUMBERED: Final = re.compile(r"(.*\D)([0-9]+)", re.DOTALL)
TOTAL_POINTS: Final = re.compile(r".*\[Total Pts: *([0-9.,]+).*\] *\|[0-9]+", re.DOTALL)


@dataclass(slots=True)
class Roster:
    """A file of people. Columns are numbers; `ids` are those by which people are known, the best first.

    `head_rows` are nobody's, `faults` say which rows are wrong, and those that are `kept` stay whole.
    """

    table: Table
    kind: str
    ids: list[int]
    names: Sequence[int]
    email: int | None = None
    head_rows: int = 0
    bad: set[int] = field(default_factory=set)
    kept: frozenset[int] = frozenset()
    faults: list[str] = field(default_factory=list)

    @property
    def people(self) -> list[int]:
        """The rows of people."""
        rows = range(self.head_rows, len(self.table.rows))
        own = (row for row in rows if row not in self.bad and any(map(str.strip, self.table.rows[row].cells)))
        return [row for row in own if self.cell(row, 0) != "Student, Test"]

    def cell(self, row: int, column: int) -> str:
        cells = self.table.rows[row].cells
        return cells[column].strip() if column < len(cells) else ""

    def value(self, row: int, column: int) -> str:
        """Return a cell as it is compared: of Moodle's first column, the digits."""
        text = self.cell(row, column)
        match = _NUMBERED.fullmatch(text) if self.kind == "moodle" and column == 0 else None
        return folded(match[2] if match else text)

    def person(self, row: int) -> Person:
        name = " ".join(filter(None, (self.cell(row, column) for column in self.names)))
        match = _NUMBERED.fullmatch(self.cell(row, 0)) if self.kind == "moodle" else None
        own = match[2] if match else self.cell(row, self.ids[0]) if self.ids else name
        return Person(own, name or own, "" if self.email is None else self.cell(row, self.email))

    def refuse(self, row: int, sentence: str) -> None:
        """Note that a row gets no grade, and why."""
        self.bad.add(row)
        self.faults.append(f"{self.table.name}, line {self.table.rows[row].line}: {sentence}")


def folded(text: str) -> str:
    """Return a name or an id as names are compared."""
    return unicodedata.normalize("NFC", text).casefold().replace("’", "'").strip()


def read_roster(table: Table, source: str) -> Roster:
    """Return the people in a table, for an export of the system `source`."""
    head = table.head
    plain = [re.sub(r"[\W_]", "", heading.casefold()) for heading in head]
    kind, best = _kind_of(table, source)
    known = [
        at for word in _ID_WORDS for at, text in enumerate(plain) if text == word or (len(word) > 4 and word in text)
    ]
    whole = [at for at, text in enumerate(plain) if text in ("name", "fullname", "student")][:1]
    parts = [plain.index(word) for word in ("first", "firstname", "last", "lastname") if word in plain]
    names = [1] if kind == "moodle" and len(head) > 1 else whole or parts
    roster = Roster(table, kind, [*best, *(at for at in known if at not in best)], names)
    if kind == "canvas":
        totals = [row for row in range(len(table.rows)) if roster.cell(row, 0) == "Points Possible"]
        roster.head_rows = totals[0] + 1 if totals else 0
    mails = [at for at, text in enumerate(plain) if "mail" in text]
    mails += [
        at for at in range(len(head)) if roster.people and all("@" in roster.cell(row, at) for row in roster.people)
    ]
    roster.email = mails[0] if mails else None
    return roster


def match(roster: Roster, source: str, works: Sequence[Work]) -> dict[int, tuple[Work, Person]]:
    """Return what the people of a roster handed in, by their rows. Rows that cannot be told are refused."""
    if roster.kind == source != "github":
        roster.ids = roster.ids[:1]
    elif roster.kind == "other":
        keys = {folded(key) for work in works for person in work.people for key in person.keys}
        roster.ids.sort(key=lambda at: -sum(roster.value(row, at) in keys for row in roster.people))
    _refuse_bad_rows(roster)
    index = _index(roster)
    found: dict[int, list[tuple[Work, Person]]] = defaultdict(list)
    for work in works:
        for person in work.people:
            rows = next((rows for key in person.keys for of in index if (rows := of.get(folded(key)))), [])
            if not rows and source == "moodle":  # a team, which some column names
                team = folded(person.name)
                rows = [row for row in roster.people if team in map(folded, roster.table.rows[row].cells)]
            elif len(rows) > 1:
                for row in rows:
                    roster.refuse(row, f"{person.name} fits {len(rows)} rows, so it gets no grade.")
            for row in rows:
                found[row].append((work, person))
    for row, fitting in found.items():
        if len(fitting) > 1 and row not in roster.bad:
            names = " and ".join(person.keys[0] for _, person in fitting)
            roster.refuse(row, f"{names} fit it, so it gets no grade.")
    return {row: fitting[0] for row, fitting in found.items() if row not in roster.bad}


def _index(roster: Roster) -> list[dict[str, list[int]]]:
    """Return the rows by each column of ids, and by the whole names."""
    index: list[dict[str, list[int]]] = [defaultdict(list) for _ in (*roster.ids, None)]
    for row in roster.people:
        values = (*(roster.value(row, at) for at in roster.ids), folded(roster.person(row).name))
        for of, value in zip(index, values, strict=True):
            if value:
                of[value].append(row)
    return [dict(of) for of in index]


def _refuse_bad_rows(roster: Roster) -> None:
    """Refuse the rows whose cells are not those of the heading, or whose id another row has."""
    width, people = len(roster.table.head), roster.people
    counts = Counter(roster.value(row, roster.ids[0]) for row in people) if roster.ids else Counter[str]()
    for row in people:
        cells = len(roster.table.rows[row].cells)
        if cells != width:
            roster.refuse(row, f"it has {cells} cells, and the heading {width}, so it gets no grade.")
        elif roster.ids and (own := roster.value(row, roster.ids[0])) and counts[own] > 1:
            roster.refuse(row, f"another row has its id {own}, so it gets no grade.")
    roster.kept = frozenset(roster.bad)


def _kind_of(table: Table, source: str) -> tuple[str, list[int]]:
    """Return of which system a table is, and the columns of its ids."""
    head = table.head
    at, has = head.index, set(head).issuperset
    if has({"Student", "ID"}) or has({"LastName", "FirstName", "ID"}):
        return "canvas", [at("ID")]
    if has({"student_repository_name", "points_awarded"}):
        return "github", [at(name) for name in ("student_repository_name", "github_username") if name in head]
    if has({"username", "github_id"}) or has({"identifier", "github_username"}):
        return "classroom", [at("github_username" if "github_username" in head else "username")]
    if "Username" in head and any(map(TOTAL_POINTS.fullmatch, head)):
        return "blackboard", [at("Username")]
    matches = [_NUMBERED.fullmatch(row.cells[0].strip()) for row in table.rows if any(row.cells)]
    is_worksheet = matches and len({match and match[1] for match in matches}) == 1 and matches[0] is not None
    if is_worksheet and (source == "moodle" or has({"Identifier", "Status"})):
        return "moodle", [0]
    return "other", []
