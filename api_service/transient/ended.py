"""How transient runs end: with the events of the engine, or with an error."""

from dataclasses import dataclass, field

from api_service.http.errors import ApiError, Kind
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Compiled, JudgeFailed, Started, TestEnded


class EngineFailed(ApiError):
    """The engine could not run the program, twice (503). The reason is known to its log alone."""

    def __init__(self) -> None:
        super().__init__(Kind.UNAVAILABLE, "The engine failed with this program twice; try again in a moment.")


class Quarantined(ApiError):
    """The engine has stopped each time that it ran this program, which is not run again (422)."""

    def __init__(self) -> None:
        super().__init__(
            Kind.INVALID,
            "The engine stopped while it ran this program, twice, so it is not run again; change the program.",
        )


@dataclass(slots=True)
class EndedRun:
    """What the events of a run said. `tests` has one entry for a program without tests, and none if it did not run."""

    started: Started | None = None
    compiled: Compiled | None = None
    judge_failed: JudgeFailed | None = None
    tests: list[TestEnded] = field(default_factory=list)

    @property
    def ended(self) -> TestEnded | None:
        """The end of a program without tests."""
        return self.tests[0] if self.tests else None

    def add(self, event: RunEvent) -> None:
        match event:
            case TestEnded():
                self.tests.append(event)
            case Started():
                self.started = event
            case Compiled():
                self.compiled = event
            case JudgeFailed():
                self.judge_failed = event
