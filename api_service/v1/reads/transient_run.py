"""Makes the resource of a run that is not stored from the events of the engine. Pure."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.engine.artifacts import media_type_of
from shared.engine.client.event_lines import RunEvent
from shared.engine.codex import Verdict, version_in
from shared.engine.run_call import (
    GOOD_VERDICTS,
    POINTS_DECIMALS,
    Compiled,
    JudgeFailed,
    ProgramArtifact,
    Started,
    TestEnded,
    awarded,
    in_order,
)
from shared.resources.mapping import TEXT_LIMIT, test_of
from shared.resources.models import Engine, Test, TransientArtifact, TransientRun, signal_name
from shared.resources.texts import cut

_NO_ENGINE: Final = Engine(language=None, version=None)
_MEASURES: Final = ("cpu_s", "wall_s", "memory_bytes")
_TEXTS: Final = ("stdout", "stderr", "compile_output", "message", "judge_message")


class TransientResult:
    """Takes the events of a run, and keeps of them what its resource shows. `tests` are those that were sent."""

    def __init__(self, tests: Sequence[Mapping[str, Any]] | None, *, is_interactive: bool) -> None:
        self._specs = tests
        self._is_interactive = is_interactive
        self._started: Started | None = None
        self._compiled: Compiled | None = None
        self._judge_failed: JudgeFailed | None = None
        self._ended: TestEnded | None = None
        self._tests: dict[int, Test] = {}

    @property
    def engine(self) -> Engine:
        started = self._started
        return Engine(language=started.language, version=version_in(started.info)) if started else _NO_ENGINE

    def add(self, event: RunEvent) -> Test | None:
        """Take an event, and return the test that it has ended."""
        match event:
            case Started():
                self._started = event
            case Compiled():
                self._compiled = event
            case JudgeFailed():
                self._judge_failed = event
            case TestEnded() if self._specs is None:
                self._ended = event
            case TestEnded():
                return self._tests.setdefault(event.number, self._test(event.number, event))
        return None

    def run(self) -> TransientRun:
        """Return the run after the last event."""
        compiled, ended, own = self._compiled, self._ended, self._own()
        texts: dict[str, str | None] = {}
        truncated: set[str] = set()
        if self._specs is None:
            texts |= {"stdout": "", "stderr": ""}
        if compiled:
            diagnostics = in_order(compiled.output, compiled.stderr or "", compiled.order or ())
            texts["compile_output"] = "\n".join(filter(None, (compiled.error, diagnostics)))
            truncated |= {"compile_output"} if compiled.truncated else set()
        if self._judge_failed:
            texts["judge_message"] = self._judge_failed.judge_message
        if ended:
            texts |= {name: getattr(ended, name) for name in ("stdout", "stderr", "message", "judge_message")}
            truncated |= {*ended.truncated}
        if self._is_interactive:
            texts["stdout"] = None  # it went to the interactor
        shown: dict[str, Any] = {name: cut(text, TEXT_LIMIT) for name, text in texts.items()}
        truncated |= {name for name, text in shown.items() if text != texts[name]}
        return TransientRun(
            language=self._started.language if self._started else "",
            **own,
            **shown,
            truncated=[name for name in _TEXTS if name in truncated],
            engine=self.engine,
            artifacts=None if ended is None or ended.artifacts is None else [*map(_artifact, ended.artifacts)],
            artifacts_left_out=ended.artifacts_left_out if ended else {},
        )

    def _own(self) -> dict[str, Any]:
        """Return the verdict, the measures and the points."""
        compiled, ended = self._compiled, self._ended
        if compiled and compiled.verdict:
            measures = _measures(compiled)
            return {"verdict": compiled.verdict, "error": compiled.error or None, **measures, **self._points()}
        if self._judge_failed or (self._specs is None and ended is None):
            return {"verdict": Verdict.JUDGE_ERROR, "error": None, **self._points()}
        if ended is None:
            return self._of_tests()
        return {
            "verdict": ended.verdict,
            "error": ended.error or None,
            **_measures(ended),
            "exit_code": None if ended.signal is not None else ended.exit_code,
            "signal": signal_name(ended.signal),
        }

    def _of_tests(self) -> dict[str, Any]:
        verdicts = [test.verdict for test in self._tests.values()]
        good = Verdict.ACCEPTED if Verdict.ACCEPTED in verdicts else Verdict.OK
        verdict = next((verdict for verdict in verdicts if verdict not in GOOD_VERDICTS), good)
        return {
            "verdict": Verdict.JUDGE_ERROR if Verdict.JUDGE_ERROR in verdicts else verdict,
            "error": None,
            "cpu_s": round(sum(test.cpu_s or 0.0 for test in self._tests.values()), 6),
            "wall_s": round(sum(test.wall_s or 0.0 for test in self._tests.values()), 6),
            "memory_bytes": max((test.memory_bytes or 0 for test in self._tests.values()), default=0),
            **self._points(),
        }

    def _points(self) -> dict[str, Any]:
        if self._specs is None:
            return {}
        tests = [self._tests.get(number) or self._test(number, None) for number in range(1, len(self._specs) + 1)]
        is_judged = not self._judge_failed and all(test.points_awarded is not None for test in tests)
        earned = round(sum(test.points_awarded or 0.0 for test in tests), POINTS_DECIMALS)
        points = sum(spec["points"] for spec in self._specs)
        return {"tests": tests, "points": points, "points_awarded": earned if is_judged else None}

    def _test(self, number: int, event: TestEnded | None) -> Test:
        assert self._specs
        spec = self._specs[number - 1]
        row: Any = {"is_interactive": self._is_interactive, "shows_secrets": True}
        result = _as_row(event, spec["points"]) if event else None
        return test_of(row, number, spec, result, TEXT_LIMIT, is_over=True)


def _as_row(event: TestEnded, points: float) -> Any:
    """Return the result of a test as the database would have it."""
    texts = {"stdout": event.written_to_stdout, "stderr": event.written_to_stderr}
    messages = {"message": event.message, "judge_message": event.judge_message}
    return {
        **texts,
        **messages,
        **{f"{name}_bytes": len(text) for name, text in texts.items()},
        **{f"{name}_bytes": len((text or "").encode()) for name, text in messages.items()},
        "cut": event.truncated,
        "points_awarded": awarded(points, event.verdict, event.points_awarded),
        **{name: getattr(event, name) for name in ("verdict", "diff", "exit_code", "signal", *_MEASURES)},
    }


def _measures(event: Compiled | TestEnded) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _MEASURES}


def _artifact(artifact: ProgramArtifact) -> TransientArtifact:
    return TransientArtifact(
        name=artifact.name,
        bytes=len(artifact.content),
        media_type=media_type_of(artifact.name, artifact.content),
        content=b64encode(artifact.content).decode(),
    )
