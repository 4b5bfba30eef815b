"""`precieux batch` for a class: reads what a system exports, runs it, and fills in the system's file of grades."""

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from precieux import terminal
from precieux.classes import feedback, summary
from precieux.classes.choose import NotRun, program_of
from precieux.classes.grades import Gradebook, Mark
from precieux.classes.rosters import Roster, folded, match, read_roster
from precieux.classes.sources.find import SYSTEMS, opened, recognise
from precieux.classes.sources.work import Person, Work
from precieux.classes.table import Table
from precieux.commands.batch_files import check_writable, result_row, say_verdicts, write_rows
from precieux.commands.batch_run import body_of, run_all
from precieux.commands.parameters import CPU_S_OF_MANY
from precieux.commands.unit_tests import write_junit
from precieux.errors import UsageError
from precieux.host import files
from precieux.installation.server import Server
from precieux.programs.read import NoProgram, ProgramFiles, read_program
from precieux_client import Limits, Submission
from shared.common.files.archives import pack
from shared.common.text.control_characters import replace_controls

_DRY_RUN: Final = ("student", "name", "files", "entry", "language", "late", "email", "note")


@dataclass(frozen=True, slots=True)
class ClassOptions:
    """What a class is, and what becomes of its grades."""

    lms: Annotated[
        str | None,
        typer.Option(metavar="KIND", help=f"What made it: {', '.join(SYSTEMS)}. Default: found out."),
    ] = None
    roster: Annotated[Path | None, typer.Option(help="The class as CSV: your system's file of grades.")] = None
    grades: Annotated[Path | None, typer.Option(help="File for the roster with grades and feedback.")] = None
    grade_column: Annotated[str | None, typer.Option(metavar="NAME", help="Where grades go.")] = None
    feedback_column: Annotated[str | None, typer.Option(metavar="NAME", help="Where feedback goes.")] = None
    max_grade: Annotated[
        float | None, typer.Option(min=0, help="What full points are worth, if the roster does not say.")
    ] = None
    feedback: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="A file of feedback for each; for Moodle.")
    ] = None
    mail_students: Annotated[bool, typer.Option("--mail-students", help="Mail each their result.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print who was found with which files; run nothing.")] = (
        False
    )

    def check(self, *, has_points: bool) -> None:
        """Raise `UsageError` if these options do not go together."""
        if self.lms is not None and self.lms not in SYSTEMS:
            raise UsageError(f"--lms {self.lms}: it must be one of {', '.join(SYSTEMS)}.")
        if self.grades is None:
            return
        if self.roster is None:
            raise UsageError("--grades fills in a file of your LMS: give it with --roster.")
        if not has_points:
            raise UsageError("--grades needs points: give --tests, --problem or --unit-tests.")
        if self.grades.resolve() == self.roster.resolve():
            raise UsageError(f"--grades would overwrite {self.roster.name}: name another file.")


@dataclass(frozen=True, slots=True)
class HowToRun:
    """How the programs are read and sent, and where the results go. All of them have what is `shared`."""

    language: str | None
    entry: str | None
    email: str | None
    digest: bool
    again: bool
    shared: Mapping[str, Any]
    metadata: Mapping[str, str]
    junit_xml: Path | None
    output: Path | None
    as_json: bool


@dataclass(slots=True)
class Student:
    """A person of a class. `note` says why nothing is run. Without `work`, the person handed in nothing."""

    person: Person
    work: Work | None = None
    row: int | None = None
    program: ProgramFiles | None = None
    email: str | None = None
    note: str = ""
    submission: Submission | None = None


def grade_class(server: Server, path: Path, options: ClassOptions, how: HowToRun) -> int | None:
    """Run a class, and return the exit code; None if it is a CSV of programs, or a folder that no system made."""
    if options.mail_students and how.email is not None and not how.digest:
        raise UsageError("--email goes with --digest beside --mail-students: then it gets one mail about all.")
    options.check(has_points=not {"tests", "problem", "unit_tests"}.isdisjoint(how.shared))
    is_zip = path.suffix.lower() == ".zip" and path.is_file()
    if not is_zip and not path.is_dir():
        if options != ClassOptions():
            raise UsageError(f"{path} is no class: give the folder or the zip that your system exports.")
        return None
    table = Table(options.roster.name, files.read(options.roster)) if options.roster else None
    names = {folded(cell) for row in table.rows for cell in row.cells} if table else set[str]()
    with opened(path) as found:
        kind, works = recognise(found, options.lms, names, path.name)
        is_plain = kind == "folder" and not (is_zip or options.lms or table)
        if is_plain and not options.dry_run:
            return None
        roster = read_roster(table, kind) if table else None
        book = None
        if options.grades is not None and roster is not None:
            book = Gradebook(roster, options.grade_column, options.feedback_column, options.max_grade)
        if options.feedback is not None and kind != "moodle":
            raise UsageError("--feedback is for Moodle; --output has the feedback of others.")
        check_writable(options.grades)
        check_writable(options.feedback)
        people = f", of {len(roster.people)} people in {roster.table.name}" if roster else ""
        students = _students(kind, works, roster, path.name)
        takes = None if options.dry_run else server.connect().limits()
        _choose(students, how, path if is_plain else None, takes.max_source_bytes if takes else None)
    for student in students:
        if student.program:
            student.email = (student.person.email or None) if options.mail_students else how.email
    terminal.hint(f"{SYSTEMS[kind][0]}: {len(works)} submission{'s' * (len(works) != 1)}{people}.")
    for fault in roster.faults if roster else ():
        terminal.hint(fault)
    if options.dry_run:
        return _show(students, as_json=how.as_json)
    if not any(student.program for student in students):
        raise nothing_runs(path.name, students)
    return _run(server, students, how, options, book, path.name)


def _students(kind: str, works: Sequence[Work], roster: Roster | None, source: str) -> list[Student]:
    """Return all who handed in, and whom else the roster has. Raises `UsageError` if these are different people."""
    if roster is None:
        return [Student(person, work) for work in works for person in work.people]
    rows = match(roster, kind, works)
    if works and not rows and not roster.bad:
        name, first = roster.table.name, roster.person(roster.people[0]).id if roster.people else "nobody"
        raise UsageError(
            f"No person of {name} has a submission in {source}: is it of another assignment?"
            f" {name} has {first}, and {source} has {works[0].people[0].id}."
        )
    students = []
    for work in works:
        for person in work.people:
            own = [row for row, pair in rows.items() if pair[0] is work and pair[1] is person]
            for row in own:
                known = roster.person(row)
                students.append(Student(replace(known, email=known.email or person.email), work, row))
            students += [] if own else [Student(person, work)]
    return students + [Student(roster.person(row), None, row) for row in roster.people if row not in rows]


def _choose(students: Sequence[Student], how: HowToRun, plain: Path | None, max_bytes: int | None) -> None:
    """Fill in which program of each student runs, or why nothing does.

    In the folder `plain`, what is not clear runs as it always did.
    """
    chosen: dict[int, ProgramFiles | str] = {}
    for work in {id(student.work): student.work for student in students if student.work}.values():
        try:
            chosen[id(work)] = program_of(work, how.entry, how.language, max_bytes)
        except NotRun as exc:
            chosen[id(work)] = f"Not run: {exc}"
            place = plain / work.people[0].id if plain else None
            if place:
                with contextlib.suppress(NoProgram):
                    entry = how.entry if place.is_dir() else None
                    chosen[id(work)] = read_program([place], entry=entry, language=how.language)
    for student in students:
        found = chosen.get(id(student.work))
        student.program, student.note = (None, found) if isinstance(found, str) else (found, "")


def _show(students: Sequence[Student], *, as_json: bool) -> int:
    """Print who was found with which files, and return the exit code."""
    found = [student for student in students if student.work]
    rows = []
    for student in found:
        program, work = student.program, student.work
        paths = list(program.files if program else work.files if work else ())
        parts = (program.entry, program.language) if program else (None, None)
        late = "true" if work and work.is_late else None
        values = (student.person.id, student.person.name, paths, *parts, late, student.email, student.note or None)
        rows.append(dict(zip(_DRY_RUN, values, strict=True)))
    if as_json:
        terminal.say_json(rows)
    else:
        terminal.say("\t".join(_DRY_RUN))
        for row in rows:
            cells = (", ".join(value) if isinstance(value, list) else value or "" for value in row.values())
            terminal.say("\t".join(replace_controls(cell.replace("\t", " ").replace("\n", " ")) for cell in cells))
    return 0 if all(student.program for student in found) else 1


def _run(
    server: Server,
    students: Sequence[Student],
    how: HowToRun,
    options: ClassOptions,
    book: Gradebook | None,
    source: str,
) -> int:
    """Run the programs, write the results, and return the exit code."""
    client, shared = server.connect(patient=True), dict(how.shared)
    limits = shared.get("limits") or Limits()
    if "tests" in shared and limits.cpu_s is None and "problem" not in shared:
        shared["limits"] = replace(limits, cpu_s=CPU_S_OF_MANY)
    # Beside the mails of the students, one address alone gets a digest.
    is_for_one = options.mail_students and how.email is not None
    digest: dict[str, Any] = {"digest_to": how.email} if is_for_one else {"digest": how.digest}
    units: dict[tuple[int, str | None], list[Student]] = defaultdict(list)
    for student in students:
        if student.program:
            units[id(student.work), student.email].append(student)
    groups = list(units.values())
    bodies = [
        body_of(one.program, one.person.name, one.email, how.metadata) for one, *_ in groups if one.program is not None
    ]
    results, refused = run_all(client, client.limits(), bodies, shared, again=how.again, **digest)
    for number, group in enumerate(groups):
        for student in group:
            student.submission = results.get(number)
            if number in refused:
                student.program, student.note = None, f"Not run: {refused[number]}"
    if not results:
        raise nothing_runs(source, students)
    ran = [(student.submission, student.person.name) for student in students if student.submission]
    write_junit(client, [one for one, _ in ran], [name for _, name in ran], how.junit_xml)
    return _report(students, how, options, book)


def nothing_runs(source: str, students: Sequence[Student]) -> UsageError:
    notes = [f"{student.person.name}: {student.note.removeprefix('Not run: ')}" for student in students if student.work]
    return UsageError(f"{source} has nothing that can run: {' '.join(notes[:3]) or 'it is empty.'}")


def _report(students: Sequence[Student], how: HowToRun, options: ClassOptions, book: Gradebook | None) -> int:
    """Write all that is wanted of the results, say what there is, and return the exit code."""
    ran = {student.submission.id: student for student in students if student.submission}
    skipped = [student for student in students if student.note]
    ended = [student.submission for student in ran.values() if student.submission]
    for line in summary.lines(
        [(student.person.name, student.note.removeprefix("Not run: ")) for student in skipped], ended, how.output
    ):
        terminal.hint(line)
    if book is not None and options.grades is not None:
        roster = book.roster
        marks = {student.row: _mark(student, roster) for student in students if student.row is not None}
        said = len(roster.faults)
        filled = book.filled({row: mark for row, mark in marks.items() if mark})
        files.write_whole(options.grades, filled)
        for fault in roster.faults[said:]:
            terminal.hint(fault)
        missing = sum(student.work is None for student in students)
        without = len(students) - missing - book.graded
        counts = f"{without} without a grade, {missing} handed in nothing"
        replaced = f" Grades that were there and are replaced: {book.replaced}." if book.replaced else ""
        terminal.hint(f"Grades of {book.graded} in {options.grades}; {counts}.{replaced}")
    if options.feedback is not None:
        tests = list(how.shared.get("tests") or ())
        texts = {
            f"{student.work.prefix}/result.txt": feedback.text(
                student.note, student.submission, tests, is_late=student.work.is_late
            )
            for student in students
            if student.work and _has_feedback(student)
        }
        files.write_whole(options.feedback, pack(texts))
    write_rows([_row(student) for student in students], how.output, as_json=how.as_json)
    say_verdicts([student.person.name for student in ran.values()], ended)
    return 0 if not skipped and all(one.passed for one in ended) else 1


def _has_feedback(student: Student) -> bool:
    """Return True for one who was skipped, or whose program has ended by itself."""
    return bool(student.note) or (student.submission is not None and student.submission.state == "finished")


def _mark(student: Student, roster: Roster) -> Mark | None:
    if student.work is None or not _has_feedback(student):
        return None
    is_html = roster.kind == "moodle"
    words = feedback.cell(student.note, student.submission, is_late=student.work.is_late, is_html=is_html)
    run = student.submission.run if student.submission else None
    if run is None or run.verdict == "judge_error":
        return Mark(None, None, words)
    return Mark(run.points_awarded, run.points, words)


def _row(student: Student) -> dict[str, Any]:
    person, work = student.person, student.work
    about = {"student": person.id, "email": student.email, "note": student.note or None}
    if work is not None:
        about |= {"late": "true" if work.is_late else None, "submitted": work.submitted or None}
    return result_row(person.name, student.submission, about, state="skipped" if work else "missing")
