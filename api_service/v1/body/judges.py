"""Checks what judges a submission: how its output is compared, and the programs that judge it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from api_service.http.errors import Fault
from api_service.http.sentences import MISSING
from api_service.submissions.new_submission import Object, archive_of
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.defaults import NO_DEFAULTS
from api_service.v1.body.program import ProgramCheck, limit_faults, limits_of
from api_service.v1.body.submission import CheckerBody, JudgeBody, SubmissionBody
from shared.engine_api import icpc_args
from shared.engine_api.codex import LimitBounds
from shared.engine_api.program import ComparisonSpec, JudgeSpec, file_specs
from shared.engine_api.run_call.limits import JUDGE_OUTPUT_BYTES
from shared.engine_api.run_call.request import DEFAULT_TOLERANCE, CheckerKind, JudgeProtocol

#: Checker kinds that allow a key. Keys not listed need the kind `program`.
_KINDS: Final = {"tolerance": (CheckerKind.FLOAT,), "args": (CheckerKind.ICPC, CheckerKind.PROGRAM)}
_OF_PROGRAM: Final = (CheckerKind.PROGRAM,)
#: What decides if a checker and an interactor go together.
_OF_VERDICT: Final = ("/checker/kind", "/checker/protocol", "/interactor/protocol")
_INTERACTOR_JUDGES: Final = (
    "The interactor gives the verdict; leave it out, or use the protocol `testlib` for both, where it runs after it."
)


@dataclass(frozen=True, slots=True)
class CheckedJudge:
    """A judge without a fault, and its files."""

    spec: JudgeSpec
    files: Mapping[str, bytes]

    def stored(self) -> tuple[JudgeSpec, Object]:
        """Return the judge as it is stored, and the object of its files."""
        archive = archive_of(self.files)
        return self.spec.packed(archive.sha256), archive


def key_faults(body: SubmissionBody, left_out: frozenset[str]) -> Iterator[Fault]:
    """Yield the faults of the keys `checker` and `interactor`, as far as they are about which keys go together.

    What depends on a key that was `left_out` is not known.
    """
    checker, interactor = body.checker, body.interactor
    if checker is not None and "/checker/kind" not in left_out:
        kind = kind_of(checker)
        for name in ("tolerance", *JudgeBody.model_fields):
            kinds = _KINDS.get(name, _OF_PROGRAM)
            if kind not in kinds and getattr(checker, name) is not None:
                named = " or ".join(f"`{allowed_kind}`" for allowed_kind in kinds)
                yield Fault(f"It goes only with the kind {named}; leave it out.", pointer=f"/checker/{name}")
        if kind is CheckerKind.PROGRAM and checker.language is None:
            yield Fault(MISSING, pointer="/checker/language")
        if kind is CheckerKind.ICPC:
            try:
                icpc_args.parse_args(checker.args or ())
            except icpc_args.IcpcArgumentError as exc:
                yield Fault(str(exc), pointer=f"/checker/args/{exc.position}")
    if checker is not None and interactor is not None and left_out.isdisjoint(_OF_VERDICT):
        protocols = (_protocol(interactor), kind_of(checker) is CheckerKind.PROGRAM and _protocol(checker))
        if protocols != (JudgeProtocol.TESTLIB, JudgeProtocol.TESTLIB):
            yield Fault(_INTERACTOR_JUDGES, pointer="/checker")


def programs_of(body: SubmissionBody) -> dict[str, JudgeBody | CheckerBody]:
    """Return the programs that judge a submission, by their keys in its body."""
    checker = body.checker if kind_of(body.checker) is CheckerKind.PROGRAM else None
    programs = {"checker": checker, "interactor": body.interactor}
    return {name: program for name, program in programs.items() if program is not None}


def check_judge(
    name: str, body: JudgeBody | CheckerBody, left_out: frozenset[str], constraints: Constraints
) -> tuple[CheckedJudge | None, list[Fault]]:
    """Return a judge, or None and its faults. `name` is its key in the body of the submission."""
    place, max_bytes = f"/{name}", constraints.settings.max_checker_bytes
    check = ProgramCheck(body, left_out, constraints, NO_DEFAULTS, max_bytes=max_bytes, place=place)
    faults = [*check.language_faults(), *check.source_faults(), *check.option_faults()]
    output = LimitBounds(default=JUDGE_OUTPUT_BYTES, max=constraints.settings.max_judged_output_bytes)
    bounds = {**constraints.bounds_of(check.engine_language), "output_bytes": output}
    faults += limit_faults(body.limits, bounds, place)
    if faults or check.engine_language is None or not check.files:
        return None, faults
    spec = JudgeSpec(
        kind=CheckerKind.PROGRAM,
        protocol=_protocol(body),
        language=check.engine_language.code,
        entry=check.entry,
        files=file_specs(check.files),
        args=tuple(body.args or ()),
        compiler_args=tuple(body.compiler_args or ()),
        limits=limits_of(body.limits),
    )
    return CheckedJudge(spec, check.files), []


def kind_of(body: CheckerBody | None) -> CheckerKind:
    return CheckerKind((body and body.kind) or CheckerKind.LINES)


def comparison_of(body: CheckerBody | None) -> ComparisonSpec:
    """Return how an output is compared by a checker that is no program."""
    kind = kind_of(body)
    if body and kind is CheckerKind.ICPC:
        return ComparisonSpec(kind=kind, tolerance=None, args=tuple(body.args or ()))
    tolerance = body.tolerance if body else None
    if kind is CheckerKind.FLOAT and tolerance is None:
        tolerance = DEFAULT_TOLERANCE
    return ComparisonSpec(kind=kind, tolerance=tolerance)


def _protocol(body: JudgeBody | CheckerBody) -> JudgeProtocol:
    return JudgeProtocol(body.protocol or JudgeProtocol.KATTIS)
