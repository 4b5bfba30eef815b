"""Makes the result of `run_code` of the events of a run. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api_service.doors.mcp.results import OutFile, ProgramFile, RunResult, shortened, with_short_texts
from shared.engine.artifacts import media_type_of
from shared.engine.codex import Verdict, version_in
from shared.engine.run_call import GOOD_VERDICTS, Compiled, JudgeFailed, LeftOut, Started, TestEnded, in_order
from shared.resources.models import Engine, signal_name
from shared.resources.models import Test as TestResource

#: The verdicts of programs that a limit has ended. Their events have a sentence about it.
_STOPPED: Final = frozenset({Verdict.TIME_LIMIT, Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT})


class RunReport:
    """Takes the events of one run in their order. `tests` are those of the call; None if it has none."""

    def __init__(self, language: str, tests: Sequence[Mapping[str, Any]] | None) -> None:
        self._language = language
        self._engine = Engine(language=None, version=None)
        self._compiled: Compiled | None = None
        self._judge_failed: JudgeFailed | None = None
        self._only: TestEnded | None = None
        self._tests = None if tests is None else [_waiting(number, test) for number, test in enumerate(tests, 1)]
        self._verdicts: list[Verdict] = []

    def add(self, event: object) -> int:
        """Take an event, and return how many tests have ended."""
        match event:
            case Started():
                self._engine = Engine(language=event.language, version=version_in(event.info))
            case Compiled():
                self._compiled = event
            case JudgeFailed():
                self._judge_failed = event
            case TestEnded():
                self._verdicts.append(event.verdict)
                if self._tests is None:
                    self._only = event
                else:
                    self._tests[event.number - 1] |= _ended(event, self._tests[event.number - 1]["points"])
        return len(self._verdicts)

    @property
    def files(self) -> list[ProgramFile]:
        """The files of the program's folder `out`, after the last event."""
        artifacts = (self._only and self._only.artifacts) or ()
        return [ProgramFile(one.name, media_type_of(one.name, one.content), one.content) for one in artifacts]

    def run(self) -> dict[str, Any]:
        """Return the run after the last event."""
        run: dict[str, Any] = dict.fromkeys(RunResult.model_fields)
        run |= {"language": self._language, "engine": self._engine.model_dump(), "truncated": []}
        run |= {"artifacts_left_out": {}, **self._of_compiler()}
        if self._judge_failed is not None:
            run |= {"verdict": Verdict.JUDGE_ERROR, "error": self._judge_failed.judge_message}
        elif run["verdict"] is None:
            run |= self._of_tests() if self._tests is not None else self._of_program(run["truncated"])
        if self._tests is not None:
            points = (
                None if run["verdict"] == Verdict.JUDGE_ERROR else sum(test["points_awarded"] for test in self._tests)
            )
            run |= {
                "tests": self._tests,
                "points": sum(test["points"] for test in self._tests),
                "points_awarded": points,
            }
        return with_short_texts(run)

    def _of_compiler(self) -> dict[str, Any]:
        compiled = self._compiled
        if compiled is None:
            return {}
        output = in_order(compiled.output, compiled.stderr or "", compiled.order or ())
        found: dict[str, Any] = {
            "compile_output": output,
            "truncated": ["compile_output"] if compiled.truncated else [],
        }
        if compiled.verdict is None:
            return found
        # Without a test, the program has no output, as in API v1.
        texts = {"stdout": "", "stderr": ""} if self._tests is None else {}
        measures = {name: getattr(compiled, name) for name in ("cpu_s", "wall_s", "memory_bytes")}
        return found | {"verdict": compiled.verdict, "error": compiled.error or None} | texts | measures

    def _of_program(self, truncated: Sequence[str]) -> dict[str, Any]:
        event = self._only
        if event is None:
            return {}
        files = self.files
        return {
            **_measures(event),
            "error": event.error if event.verdict in _STOPPED else None,
            "truncated": [*event.truncated, *truncated],
            "artifacts": [
                OutFile(name=file.name, bytes=len(file.content or b""), media_type=file.media_type).model_dump()
                for file in files
            ],
            "artifacts_left_out": {LeftOut(reason).value: count for reason, count in event.artifacts_left_out.items()},
        }

    def _of_tests(self) -> dict[str, Any]:
        assert self._tests is not None
        ended = [test for test in self._tests if test["verdict"] is not None]
        bad = next((verdict for verdict in self._verdicts if verdict not in GOOD_VERDICTS), None)
        if Verdict.JUDGE_ERROR in self._verdicts:
            bad = Verdict.JUDGE_ERROR
        return {
            "verdict": bad or (Verdict.ACCEPTED if Verdict.ACCEPTED in self._verdicts else Verdict.OK),
            "cpu_s": round(sum(test["cpu_s"] for test in ended), 6),
            "wall_s": round(sum(test["wall_s"] for test in ended), 6),
            "memory_bytes": max((test["memory_bytes"] for test in ended), default=0),
        }


def _waiting(number: int, test: Mapping[str, Any]) -> dict[str, Any]:
    name, points = test.get("name"), test.get("points")
    shown = TestResource(
        number=number,
        name=str(number) if name is None else name,
        hidden=False,
        points=1.0 if points is None else points,
        points_awarded=0.0,
    )
    return shown.model_dump()


def _ended(event: TestEnded, points: float) -> dict[str, Any]:
    earned = points if event.verdict in GOOD_VERDICTS else 0.0
    ended = {
        **_measures(event),
        **{name: getattr(event, name) for name in ("diff", "message", "judge_message")},
        "truncated": event.truncated,
        "points_awarded": earned if event.points_awarded is None else event.points_awarded,
    }
    # Now, because a hundred tests may have a hundred MiB of outputs.
    return shortened(ended, ("stdout", "stderr"))


def _measures(event: TestEnded) -> dict[str, Any]:
    names = ("verdict", "stdout", "stderr", "cpu_s", "wall_s", "memory_bytes")
    return {
        **{name: getattr(event, name) for name in names},
        "exit_code": event.exit_code if event.signal is None else None,
        "signal": signal_name(event.signal),
    }
