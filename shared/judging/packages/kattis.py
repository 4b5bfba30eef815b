"""Reads the packages of Kattis and the ICPC, of both generations, with what DOMjudge adds. Pure."""

import json
import re
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.expectations import LEGACY_FOLDERS, UNIT_TEST_FOLDERS, SubmissionsYaml, of_tags
from shared.judging.packages.faults import FaultList
from shared.judging.packages.fields import read_fields
from shared.judging.packages.model import (
    EVERY_LANGUAGE,
    JurySubmission,
    Package,
    PackageBounds,
    PackageFormat,
    PackageJudge,
    PackageProgram,
    ProblemType,
    RunExpectation,
    usable_titles,
)
from shared.judging.packages.problem_yaml import CONFIG, Generation, ProblemConfig, read_config
from shared.judging.packages.programs import MAX_PROGRAMS, ProgramFinder, language_of
from shared.judging.packages.test_data.collector import TestCollector
from shared.judging.packages.test_data.kattis_2025_09 import Kattis2025Reader
from shared.judging.packages.test_data.legacy import LegacyReader
from shared.judging.packages.unit_tests import CPU_S, FOLDER, NO_DATA, read_unit_tests

_PART: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,254}")
_LOOKS_IMPORTANT: Final = re.compile(r"data/.*\.(in|ans)|(submissions|unit_tests)/.*\..+", re.DOTALL)
_SUBMISSIONS_JSON: Final = "submissions.json"
_SUBMISSIONS_YAML: Final = "submissions/submissions.yaml"
_MAX_EXPECTATIONS: Final = 5000
_MAX_JSON: Final = 1 << 18
#: Bytes of a source in which DOMjudge's tags are looked for.
_MAX_SOURCE: Final = 1 << 20


def read_kattis(archive: PackageArchive, bounds: PackageBounds, faults: FaultList, name: str) -> Package:
    """Return the package. Faults are noted, and the package means nothing if there are any."""
    archive.keep(lambda path: _is_named_well(path, faults))
    config = read_config(archive, bounds.operator, faults)
    finder = ProgramFinder(archive, bounds.languages, bounds.checker_bytes, config.constants)
    jury = ProgramFinder(archive, bounds.languages, bounds.operator.source_bytes, config.constants)
    validator = _find_checker(archive, config, finder, faults)
    grader = _find_grader(archive, config, finder, faults)
    unit_tests = read_unit_tests(archive, bounds, faults)
    tests = TestCollector(archive, config, bounds, faults, has_checker=validator is not None)
    is_new = config.generation is Generation.KATTIS_2025_09
    reader = Kattis2025Reader(tests) if is_new else LegacyReader(tests)
    data = NO_DATA if archive.is_folder(FOLDER) else reader.read()
    if data.uses_grader is not (grader is not None):
        sentence = "`grading: custom` needs a grader." if data.uses_grader else "No group has `grading: custom`."
        faults.add("graders", sentence)
    if archive.is_folder("static_validator"):
        faults.warn("static_validator", "Static validators are not run.")
    judge = PackageJudge(validator) if validator else None
    includes = _includes(archive, config, unit_tests, faults)
    finder.check_includes(includes, "include", faults)
    name = archive.folder or name
    limits = config.limits
    assert limits is not None
    if unit_tests:
        limits = replace(limits, cpu_s=limits.cpu_s or min(CPU_S, bounds.operator.cpu_s))
    return Package(
        format=PackageFormat.LEGACY if config.generation is Generation.LEGACY else PackageFormat.KATTIS_2025_09,
        name=name,
        titles=usable_titles(config.titles, name),
        types=(ProblemType.SCORING,) if unit_tests else config.types,
        languages=_languages(config, unit_tests, faults) if unit_tests else config.languages,
        limits=limits,
        time_limit_rule=config.rule,
        checker=None if config.is_interactive else judge,
        interactor=judge if config.is_interactive else None,
        grader=grader,
        tests=data.tests,
        scheme=data.scheme,
        samples=data.samples,
        attachments=tuple(archive.below("attachments").values()),
        includes=includes,
        submissions=_submissions(archive, config, jury, unit_tests, faults),
        input_validators=_input_validators(archive, finder, faults),
        data_tests=data.data_tests,
        constants=config.constants,
        files=archive.files,
        checker_args=data.checker_args,
        unit_tests=unit_tests,
    )


def _is_named_well(path: str, faults: FaultList) -> bool:
    """Return False for a path that counts as absent. If it looks like a test or a submission, that is a warning."""
    if path == ".timelimit" or all(_PART.fullmatch(part) for part in path.split("/")):
        return True
    if _LOOKS_IMPORTANT.fullmatch(path):
        faults.warn(path[:200], "The path has other characters than the format allows, so the file counts as absent.")
    return False


def _languages(config: ProblemConfig, tested: Collection[str], faults: FaultList) -> tuple[str, ...]:
    """Return the allowed languages that have unit tests."""
    allowed = tuple(code for code in tested if config.languages is None or code in config.languages)
    if not allowed:
        faults.add(CONFIG, "`languages` has no language that has unit tests.")
    return allowed


def _find_checker(
    archive: PackageArchive, config: ProblemConfig, finder: ProgramFinder, faults: FaultList
) -> PackageProgram | None:
    programs = _programs_of("output_validator", archive, finder)
    if config.generation is Generation.LEGACY:
        programs += _programs_of("output_validators", archive, finder)
    elif archive.is_folder("output_validators"):
        faults.warn("output_validators", "The folder is not read: its successor is output_validator.")
    wanted = config.wants_validator
    needs = config.is_interactive or config.is_multi_pass
    if programs and wanted is False:
        faults.add(programs[0].name, "There is an output validator, but `validation` is not `custom`.")
    elif not programs and (wanted or needs):
        folder = next(filter(archive.below, ("output_validator", "output_validators")), None)
        what = "no file here is of a known language" if folder else "there is none"
        faults.add(folder or CONFIG, f"The problem needs an output validator, and {what}.")
    return _only(programs, "output validator", faults)


def _only(programs: list[PackageProgram], kind: str, faults: FaultList) -> PackageProgram | None:
    """Return the only program of a kind, which must work here; None without a program."""
    if len(programs) > 1:
        faults.add(programs[1].name, f"There is more than one {kind}.")
    if programs and programs[0].fault:
        faults.add(programs[0].name, programs[0].fault)
    return programs[0] if programs else None


def _programs_of(folder: str, archive: PackageArchive, finder: ProgramFinder) -> list[PackageProgram]:
    """Return the programs of a folder: itself, if its only source is in it, else its files and folders."""
    files = {name for name in archive.children(folder) if f"{folder}/{name}" in archive.files}
    programs = finder.all_in(folder)
    is_one_file = len(programs) == 1 and programs[0].name in archive.files
    if is_one_file or (files and folder == "output_validator") or files & {"build", "run"}:
        program = finder.find(folder, scripts=True)
        return [program] if program else []
    return programs


def _find_grader(
    archive: PackageArchive, config: ProblemConfig, finder: ProgramFinder, faults: FaultList
) -> PackageProgram | None:
    if config.generation is not Generation.KATTIS_2025_09:
        return _only(finder.all_in("graders"), "grader", faults)
    if archive.is_folder("graders"):
        faults.warn("graders", "The folder is not read: this format has no graders.")
    return None


def _includes(
    archive: PackageArchive, config: ProblemConfig, tested: Collection[str], faults: FaultList
) -> dict[str, dict[str, str]]:
    """Return the files that are copied over a program's, by language. `tested` are the languages of unit tests."""
    includes: dict[str, dict[str, str]] = {}
    for name in archive.children("include"):
        language = EVERY_LANGUAGE if name == "default" else name if name in tested else language_of(name)
        if language is None or (name == "default" and config.generation is Generation.LEGACY):
            faults.warn(f"include/{name}", "This is no code of a language.")
        elif language or name == "default":
            includes[language] = archive.below(f"include/{name}")
    return includes


def _input_validators(archive: PackageArchive, finder: ProgramFinder, faults: FaultList) -> tuple[PackageProgram, ...]:
    programs: list[PackageProgram] = []
    for folder in ("input_validators", "input_format_validators"):
        programs += finder.all_in(folder)
        for path in archive.below(folder).values():
            if path.endswith((".ctd", ".viva")):
                programs.append(PackageProgram(path, "", {}, "", fault="Checktestdata and VIVA are not run."))
    for program in programs:
        if program.fault:
            faults.warn(program.name, program.fault)
    return tuple(programs)


def _submissions(
    archive: PackageArchive, config: ProblemConfig, finder: ProgramFinder, tested: Collection[str], faults: FaultList
) -> tuple[JurySubmission, ...]:
    """Return the jury's submissions. `tested` are the languages of unit tests, if these judge."""
    by_tests = config.generation is Generation.KATTIS_2025_09
    rules = SubmissionsYaml(read_fields(archive, _SUBMISSIONS_YAML, faults)) if by_tests else None
    overrides = _submissions_json(archive, faults)
    submissions: list[JurySubmission] = []
    for folder in archive.children("submissions"):
        for name in archive.children(f"submissions/{folder}"):
            path = f"submissions/{folder}/{name}"
            if len(submissions) == MAX_PROGRAMS:
                raise faults.fail("submissions", f"There are more than {MAX_PROGRAMS} submissions.")
            overridden = overrides.get(path, (None, None))
            rule = rules.rules_for(f"{folder}/{name}") if rules else None
            if rule:
                overridden = (rule.language or overridden[0], rule.entry or overridden[1])
            language = language_of(overridden[0]) if overridden[0] else None
            program = finder.find(path, language=language, entry=overridden[1])
            if program is None:
                faults.warn(path, "Its language is not known, so it is no submission.")
                continue
            if program.fault:
                faults.warn(path, program.fault)
            tests = rule.tests if rule else UNIT_TEST_FOLDERS.get(folder, ()) if tested else ()
            run = None if rule or tests else _expected_of_run(archive, folder, program, faults)
            not_run = program.fault or ("" if run or tests else "Nothing says what it must get.")
            if tested and not not_run and program.language not in tested:
                not_run = "There are no unit tests in its language."
                faults.warn(path, not_run)
            if not (run or tests):
                faults.warn(f"submissions/{folder}", "The folder is not known, and nothing says what is expected.")
            submissions.append(JurySubmission(path, program, run, tests, not_run))
    if sum(len(submission.tests) for submission in submissions) > _MAX_EXPECTATIONS:
        faults.add(_SUBMISSIONS_YAML, f"It says more than {_MAX_EXPECTATIONS} things of all submissions together.")
    if not any(each.expected == ["AC"] and not (each.run and each.run.partial) for each in submissions):
        faults.warn("submissions/accepted", "There is no accepted submission.")
    return tuple(submissions)


def _expected_of_run(
    archive: PackageArchive, folder: str, program: PackageProgram, faults: FaultList
) -> RunExpectation | None:
    if folder in LEGACY_FOLDERS:
        return LEGACY_FOLDERS[folder]
    sources = (archive.beginning(path, _MAX_SOURCE) for path in program.files.values())
    tags = [tag for tag in map(of_tags, sources) if tag[1]]
    if sum(number for _, number in tags) > 1:
        faults.warn(program.name, "There are several tags of expected results; the first one counts.")
    return tags[0][0] if tags else None


def _submissions_json(archive: PackageArchive, faults: FaultList) -> dict[str, tuple[str | None, str | None]]:
    """Return the languages and entries that DOMjudge's file names, by the paths of submissions."""
    if _SUBMISSIONS_JSON not in archive.files:
        return {}
    try:
        value = json.loads(archive.read(_SUBMISSIONS_JSON, _MAX_JSON) or b"{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        faults.add(_SUBMISSIONS_JSON, "The file is not a JSON object of objects.")
        return {}

    def text(entry: dict[str, object], key: str) -> str | None:
        return word if isinstance(word := entry.get(key), str) else None

    return {path.strip("/"): (text(entry, "langid"), text(entry, "entry_point")) for path, entry in value.items()}
