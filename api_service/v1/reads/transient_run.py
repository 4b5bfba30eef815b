"""Makes the resource of a run that is not stored from the events of the engine. Pure."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from api_service.transient.ended import EndedRun
from shared.engine_api.artifacts import media_type_of
from shared.engine_api.codex import Verdict, version_in
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.program import TestSpec
from shared.engine_api.run_call.events import (
    Collection,
    Compiled,
    ProgramArtifact,
    TestEnded,
    UnitTestEnded,
    UnitTestsEnded,
)
from shared.engine_api.run_call.results import POINTS_DECIMALS, awarded, verdict_of
from shared.engine_api.unit_tests import UnitTestOutcome
from shared.records.resources.mapping import TEXT_LIMIT
from shared.records.resources.models import Engine, Test, TransientArtifact, TransientRun, signal_name
from shared.records.resources.texts import cut

_NO_ENGINE: Final = Engine(language=None, version=None)
_MEASURES: Final = ("cpu_s", "wall_s", "memory_bytes")
_OF_TEST: Final = ("stdout", "stderr", "message", "judge_message")
_TEXTS: Final = ("stdout", "stderr", "compile_output", "message", "judge_message")


class TransientResult:
    """Collects the events of a run for its resource. `tests` are those of the request; the engine lists unit tests."""

    def __init__(self, tests: Sequence[TestSpec], *, is_interactive: bool) -> None:
        self._specs = tests
        self._is_interactive = is_interactive
        #: What the events said, but for tests that the program has.
        self._run = EndedRun()
        self._tests: dict[int, Test] = {}
        #: True if the engine has listed unit tests, and their end.
        self._has_unit_tests = False
        self._unit_tests: UnitTestsEnded | None = None

    @property
    def number_of_tests(self) -> int:
        return len(self._specs)

    @property
    def engine(self) -> Engine:
        started = self._run.started
        return Engine(language=started.language, version=version_in(started.info)) if started else _NO_ENGINE

    def add(self, event: RunEvent) -> Test | None:
        """Take an event, and return the test that it has ended."""
        if isinstance(event, UnitTestEnded) or (self._specs and isinstance(event, TestEnded)):
            return self._tests.setdefault(event.number, self._test(event.number, event))
        match event:
            case Collection():
                self._specs = [TestSpec(**test.model_dump()) for test in event.tests]
                self._has_unit_tests = True
            case UnitTestsEnded():
                self._unit_tests = event
        self._run.add(event)
        return None

    def run(self) -> TransientRun:
        """Return the run after the last event."""
        run, ended = self._run, self._run.ended
        texts: dict[str, str | None] = {} if self._specs else {"stdout": "", "stderr": ""}
        truncated = {*(ended.truncated if ended else ())}
        if run.compiled:
            texts["compile_output"] = "\n".join(filter(None, (run.compiled.error, run.compiled.output)))
            truncated |= {"compile_output"} if run.compiled.truncated else set()
        if run.judge_failed:
            texts["judge_message"] = run.judge_failed.judge_message
        if self._unit_tests:
            texts |= {name: getattr(self._unit_tests, name) for name in ("stdout", "stderr")}
        if ended:
            texts |= {name: getattr(ended, name) for name in _OF_TEST}
        return TransientRun(
            language=run.started.language if run.started else "",
            **self._own(run, ended),
            **self._shown(texts, truncated),
            engine=self.engine,
            artifacts=None if ended is None or ended.artifacts is None else [*map(_artifact, ended.artifacts)],
            artifacts_left_out=ended.artifacts_left_out if ended else {},
        )

    def _own(self, run: EndedRun, ended: TestEnded | None) -> dict[str, Any]:
        if (compiled := run.compiled) and compiled.verdict:
            measures = _measures(compiled)
            return {"verdict": compiled.verdict, "error": compiled.error or None, **measures, **self._points()}
        if run.judge_failed or (not self._specs and ended is None):
            return {"verdict": Verdict.JUDGE_ERROR, "error": None, **self._points()}
        if unit_tests := self._unit_tests:
            return {"verdict": unit_tests.verdict, "error": None, **_measures(unit_tests), **self._points()}
        if ended is None:
            return self._of_tests()
        return {"error": ended.error or None, **_outcome(ended)}

    def _of_tests(self) -> dict[str, Any]:
        tests = self._tests.values()
        return {
            "verdict": verdict_of([test.verdict for test in tests if test.verdict]),
            "error": None,
            "cpu_s": round(sum(test.cpu_s or 0.0 for test in tests), 6),
            "wall_s": round(sum(test.wall_s or 0.0 for test in tests), 6),
            "memory_bytes": max((test.memory_bytes or 0 for test in tests), default=0),
            **self._points(),
        }

    def _points(self) -> dict[str, Any]:
        if not self._specs:
            return {}
        tests = [self._tests.get(number) or self._test(number, None) for number in range(1, len(self._specs) + 1)]
        is_judged = not self._run.judge_failed and all(test.points_awarded is not None for test in tests)
        earned = round(sum(test.points_awarded or 0.0 for test in tests), POINTS_DECIMALS)
        points = sum(spec.points or 0.0 for spec in self._specs)
        return {"tests": tests, "points": points, "points_awarded": earned if is_judged else None}

    def _test(self, number: int, event: TestEnded | UnitTestEnded | None) -> Test:
        spec = self._specs[number - 1]
        shown = spec.shown(number)
        if event is None:
            outcome = UnitTestOutcome.NOT_RUN if self._has_unit_tests else None
            return Test(**shown, outcome=outcome, points_awarded=0.0)
        return Test(
            **shown,
            **_outcome(event),
            **self._shown({name: getattr(event, name) for name in _OF_TEST}, event.truncated),
            diff=getattr(event, "diff", None),
            outcome=getattr(event, "outcome", None),
            points_awarded=awarded(spec.points or 0.0, event.verdict, event.points_awarded),
        )

    def _shown(self, texts: Mapping[str, str | None], truncated: Iterable[str]) -> dict[str, Any]:
        """Return texts as they are shown, and the names of those that are cut, by the engine or here."""
        if self._is_interactive:
            texts = {**texts, "stdout": None}  # it went to the interactor
        shown = {name: cut(text, TEXT_LIMIT) for name, text in texts.items()}
        is_cut = {name: text is not None and (name in truncated or text != shown[name]) for name, text in texts.items()}
        return {**shown, "truncated": [name for name in _TEXTS if is_cut.get(name)]}


def _outcome(event: TestEnded | UnitTestEnded) -> dict[str, Any]:
    return {
        "verdict": event.verdict,
        **_measures(event),
        "exit_code": None if event.signal is not None else event.exit_code,
        "signal": signal_name(event.signal),
    }


def _measures(event: Compiled | TestEnded | UnitTestEnded | UnitTestsEnded) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _MEASURES}


def _artifact(artifact: ProgramArtifact) -> TransientArtifact:
    return TransientArtifact(
        name=artifact.name,
        bytes=len(artifact.content),
        media_type=media_type_of(artifact.name, artifact.content),
        content=b64encode(artifact.content).decode(),
    )
