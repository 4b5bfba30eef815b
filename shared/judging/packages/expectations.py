"""What the jury's submissions must get, and whether they got it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice, product
from typing import Final

from shared.engine_api.codex import Verdict
from shared.judging.packages.fields import Fields, number_of
from shared.judging.packages.model import OF_TESTS, JurySubmission, Letters, RunExpectation, TestExpectation

AC, WA, TLE, RTE, CE = Letters.AC, Letters.WA, Letters.TLE, Letters.RTE, Letters.CE

_LETTERS: Final = {
    Verdict.OK: AC,
    Verdict.ACCEPTED: AC,
    Verdict.WRONG_ANSWER: WA,
    Verdict.TIME_LIMIT: TLE,
    Verdict.RUNTIME_ERROR: RTE,
    Verdict.MEMORY_LIMIT: RTE,
    Verdict.OUTPUT_LIMIT: RTE,
    Verdict.COMPILE_ERROR: CE,
}

#: By the folder, what the run of a legacy package's submission must get.
LEGACY_FOLDERS: Final = {
    "accepted": RunExpectation(frozenset({AC}), bounds_from_below=True),
    "partially_accepted": RunExpectation(frozenset({AC}), partial=True),
    "wrong_answer": RunExpectation(frozenset({WA})),
    "time_limit_exceeded": RunExpectation(frozenset({TLE}), bounds_from_above=True),
    "run_time_error": RunExpectation(frozenset({RTE})),
    "rejected": RunExpectation(frozenset({WA, TLE, RTE, CE})),
}

_LOST: Final = frozenset({WA, TLE, RTE})
#: By the folder, what the unit tests of a submission must get. An accepted one is judged by its run.
UNIT_TEST_FOLDERS: Final[Mapping[str, tuple[TestExpectation, ...]]] = {
    "partially_accepted": (TestExpectation(required=frozenset({AC})), TestExpectation(required=_LOST)),
    "wrong_answer": (TestExpectation(required=frozenset({WA})),),
    "time_limit_exceeded": (TestExpectation(required=frozenset({TLE})),),
    "run_time_error": (TestExpectation(required=frozenset({RTE})),),
    "rejected": (TestExpectation(required=_LOST),),
}


def _expect(permitted: frozenset[Letters], required: frozenset[Letters]) -> TestExpectation:
    """Return an expectation that bounds the time limit as its letters say."""
    return TestExpectation(
        permitted=permitted,
        required=required,
        bounds_from_below=TLE not in permitted,
        bounds_from_above=required == {TLE},
    )


#: By the folder, what the tests of a submission of a 2025-09 package must get.
_FOLDERS: Final = {
    "accepted": _expect(frozenset({AC}), OF_TESTS),
    "rejected": _expect(OF_TESTS, frozenset({WA, TLE, RTE})),
    "wrong_answer": _expect(frozenset({AC, WA}), frozenset({WA})),
    "time_limit_exceeded": _expect(frozenset({AC, TLE}), frozenset({TLE})),
    "run_time_error": _expect(frozenset({AC, RTE}), frozenset({RTE})),
    "brute_force": _expect(frozenset({AC, RTE, TLE}), frozenset({RTE, TLE})),
}

#: By the tag, what the tests of a solution of a Polygon package must get. None: it is not run.
_AC_ONLY: Final = TestExpectation(permitted=frozenset({AC}), required=frozenset({AC}))
POLYGON_TAGS: Final[Mapping[str, TestExpectation | None]] = {
    "main": _AC_ONLY,
    "accepted": _AC_ONLY,
    "wrong-answer": TestExpectation(required=frozenset({WA})),
    "presentation-error": TestExpectation(required=frozenset({WA})),
    "time-limit-exceeded": TestExpectation(required=frozenset({TLE})),
    "memory-limit-exceeded": TestExpectation(required=frozenset({RTE})),
    "time-limit-exceeded-or-accepted": TestExpectation(required=frozenset({TLE}), or_all_accepted=True),
    "time-limit-exceeded-or-memory-limit-exceeded": TestExpectation(required=frozenset({TLE, RTE})),
    "rejected": TestExpectation(required=frozenset({WA, TLE, RTE})),
    "failed": TestExpectation(required=frozenset({WA, TLE, RTE})),
    "do-not-run": None,
}

#: The words of DOMjudge's tags, in upper case.
_RESULTS: Final = {
    "CORRECT": AC,
    "ACCEPTED": AC,
    "WRONG-ANSWER": WA,
    "WRONG_ANSWER": WA,
    "NO-OUTPUT": WA,
    "TIMELIMIT": TLE,
    "TIME_LIMIT_EXCEEDED": TLE,
    "RUN-ERROR": RTE,
    "RUN_TIME_ERROR": RTE,
    "MEMORY-LIMIT": RTE,
    "OUTPUT-LIMIT": RTE,
    "COMPILER-ERROR": CE,
    "COMPILER_ERROR": CE,
    "NO_OUTPUT": WA,
}
_TAG: Final = re.compile(rb"@EXPECTED_(RESULTS|SCORE)@:([^\n]*)")
#: A glob stands for at most so many, and a file has at most so many globs, since each is matched with every name.
_MAX_CHOICES: Final = 32
_MAX_GLOBS: Final = 200
_MAX_MESSAGE: Final = 1000
_USES: Final = {"lower": (True, False), "upper": (False, True)}


def of_tags(text: bytes) -> tuple[RunExpectation | None, int]:
    """Return what DOMjudge's first tag in a source says, and the number of tags. Case does not count."""
    tags = _TAG.findall(text.upper())
    if not tags:
        return None, 0
    kind, value = tags[0][0], tags[0][1].decode(errors="replace")
    words = [word.strip(" \t\r*/#-<>{}\"'") for word in value.split(",")]
    score = number_of(words[0]) if kind == b"SCORE" else None
    verdicts = frozenset(_RESULTS[word] for word in words if word in _RESULTS)
    return (RunExpectation(verdicts, score) if verdicts or score is not None else None), len(tags)


@dataclass(frozen=True)
class SubmissionRules:
    """The rules of `submissions.yaml` for one submission."""

    tests: tuple[TestExpectation, ...]
    language: str | None = None
    entry: str | None = None


class SubmissionsYaml:
    """The file `submissions.yaml`: what the submissions of a 2025-09 package must get."""

    def __init__(self, fields: Fields) -> None:
        self._rules: list[tuple[str, SubmissionRules]] = []
        keys = list(fields.unread)
        globs = [inner for value in fields.unread.values() if isinstance(value, dict) for inner in value]
        if len(keys) + len(globs) > _MAX_GLOBS:
            fields.fault(keys[-1], f"is one of more than {_MAX_GLOBS} globs.")
            keys = []
        for key in keys:
            fields.check_glob(key)
            self._read(key, fields.inner(key))
        for folder in _FOLDERS.keys() - set(keys):
            self._rules.append((folder, SubmissionRules((_FOLDERS[folder],))))

    def rules_for(self, path: str) -> SubmissionRules:
        """Return what is said of the submission at this path below `submissions/`."""
        matching = [rules for glob, rules in self._rules if matches(glob, path)]
        return SubmissionRules(
            tuple(expectation for rules in matching for expectation in rules.tests),
            next((rules.language for rules in matching if rules.language), None),
            next((rules.entry for rules in matching if rules.entry), None),
        )

    def _read(self, key: str, fields: Fields) -> None:
        language, entry = fields.text("language") or None, fields.text("entrypoint") or None
        fields.take("authors")
        fields.take("model_solution")
        whole = _read_expectation(fields, "", _FOLDERS.get(key))
        wheres = [where for where in fields.unread if isinstance(fields.unread[where], dict)]
        parts = []
        for where in wheres:
            fields.check_glob(where)
            inner = fields.inner(where)
            parts.append(_read_expectation(inner, where.removesuffix("/"), None))
            inner.finish()
        fields.finish()
        tests = tuple(part for part in (whole, *parts) if part)
        self._rules.append((key.removesuffix("/"), SubmissionRules(tests, language, entry)))


def _read_expectation(fields: Fields, where: str, default: TestExpectation | None) -> TestExpectation | None:
    """Return what the keys of a mapping say of the tests `where`; None if they say nothing."""
    permitted, required = _read_letters(fields, "permitted"), _read_letters(fields, "required")
    use, message, score = fields.take("use_for_time_limit"), fields.text("message"), fields.take("score")
    if len(message) > _MAX_MESSAGE:
        fields.fault("message", f"has over {_MAX_MESSAGE} characters.")
    if permitted is required is use is score is None and not message:
        return default
    base = default or TestExpectation()
    if permitted is None:
        permitted = base.permitted
    expected = _expect(permitted, (base.required if required is None else required) & permitted)
    if not expected.required:
        fields.fault("required", "has nothing that `permitted` has.")
    if use is False or (isinstance(use, str) and use in _USES):
        below, above = _USES.get(str(use), (False, False))
        expected = replace(expected, bounds_from_below=below, bounds_from_above=above)
    elif use is not None and use is not True:
        fields.fault("use_for_time_limit", "is neither true, false, `lower` nor `upper`.")
    scores = [number_of(value) for value in (score if isinstance(score, list) else [score])]
    if score is not None and (None in scores or len(scores) not in (1, 2)):
        fields.fault("score", "is neither a number nor two.")
    elif score is not None:
        expected = replace(expected, score=(scores[0] or 0.0, scores[-1] or 0.0))
    return replace(expected, where=where, message=message)


def _read_letters(fields: Fields, key: str) -> frozenset[Letters] | None:
    words = fields.words(key)
    if words is None:
        return None
    letters_read = frozenset(letter for letter in OF_TESTS if letter in words)
    if not letters_read or len(letters_read) < len(set(words)):
        fields.fault(key, "has something else than AC, WA, TLE and RTE.")
        return None
    return letters_read


@lru_cache(maxsize=1024)
def _expanded(glob: str) -> list[list[str]]:
    """Return the patterns of a glob without its choices, each as the patterns of its segments."""
    parts = re.split(r"\{([^{}]*)\}", glob.removesuffix("/").replace("?", "[?]"))
    choices = [part.split(",") if position % 2 else [part] for position, part in enumerate(parts)]
    return ["".join(map(str.strip, words)).split("/") for words in islice(product(*choices), _MAX_CHOICES)]


def matches(glob: str, name: str) -> bool:
    """Return True if a glob matches a name, or a folder that it is in. `*` matches no `/`; `{a,b}` is a choice."""
    segments = name.split("/")
    return not glob or any(
        len(patterns) <= len(segments) and all(map(fnmatchcase, segments, patterns)) for patterns in _expanded(glob)
    )


@dataclass(frozen=True)
class JuryTest:
    """What a test of a submission got. `is_full` is False if it earned less than its points."""

    name: str
    verdict: Verdict
    judge_message: str = ""
    is_full: bool = True
    cpu_s: float = 0.0


def unmet(
    submission: JurySubmission,
    verdict: Verdict,
    points_awarded: float | None,
    points: float | None,
    tests: Sequence[JuryTest],
    group_points: Mapping[str, float | None],
) -> list[str]:
    """Return the unmet expectations as sentences, empty if all are met."""
    if verdict is Verdict.JUDGE_ERROR:
        return ["The judge failed."]
    if submission.run:
        return list(_unmet_by_run(submission.run, _LETTERS.get(verdict), points_awarded, points))
    if verdict is Verdict.COMPILE_ERROR:
        return ["It was not compiled."]
    return [
        sentence
        for expected in submission.tests
        for sentence in _unmet_by_tests(expected, tests, {"": points_awarded, **group_points})
    ]


def _unmet_by_run(
    expected: RunExpectation, letter: Letters | None, points_awarded: float | None, points: float | None
) -> Iterator[str]:
    has_score = expected.score is not None and points_awarded is not None
    if has_score and abs((points_awarded or 0) - (expected.score or 0)) <= 1e-6:
        return
    if letter not in expected.verdicts:
        wanted = " or ".join(sorted(expected.verdicts)) or f"{expected.score:g} points"
        yield f"It got {letter or 'another verdict'}, not {wanted}."
    if expected.partial and points is not None and points_awarded is not None and points_awarded >= points:
        yield "It got all points."


def _unmet_by_tests(
    expected: TestExpectation, tests: Sequence[JuryTest], points: Mapping[str, float | None]
) -> Iterator[str]:
    chosen = [test for test in tests if matches(expected.where, test.name)]
    letters = {test.name: _letter(test) for test in chosen}
    among = f" among the tests {expected.where}" if expected.where else ""
    if expected.or_all_accepted and set(letters.values()) <= {AC}:
        return
    for name, letter in letters.items():
        if letter not in expected.permitted:
            yield f"It got {letter or 'another verdict'} in {name}, not {' or '.join(sorted(expected.permitted))}."
            break
    if expected.required.isdisjoint(letter for letter in letters.values() if letter):
        yield f"No test{among} got {' or '.join(sorted(expected.required))}."
    if expected.message and not any(expected.message in test.judge_message for test in chosen):
        yield f"No message of the judge{among} has {expected.message[:100]!r}."
    if expected.score:
        low, high = expected.score
        for name, earned in points.items():
            is_meant = matches(expected.where, name) if expected.where else not name
            if is_meant and (earned is None or not low - 1e-6 <= earned <= high + 1e-6):
                yield f"It got {earned or 0:g} points{f' in {name}' if name else ''}, not {low:g} to {high:g}."


def _letter(test: JuryTest) -> Letters | None:
    letter = _LETTERS.get(test.verdict)
    return WA if letter is AC and not test.is_full else letter
