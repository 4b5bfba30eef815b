"""The events of a submission's latest run, and which of them a client has not had yet. Pure.

Nothing of them is stored: they follow from the run's row and its tests, so every process makes the same ones. The id of
an event is made of the submission, the run, the attempt and the step: `17.1.2.test3`. A run's end has no attempt.

A run that is taken back and starts again has the same steps once more. A client that had more of them gets them again
from the beginning.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from shared.records.resources.states import FINAL_STATES, State

#: After every attempt.
_END: Final = 1 << 62
_STEPS: Final = (State.QUEUED, State.RUNNING)
_ID: Final = re.compile(
    r"(?P<submission>[1-9]\d{0,18})\.(?P<run>\d{1,10})\."
    r"(?:(?P<attempt>\d{1,10})\.(?:(?P<state>queued|running)|test(?P<test>[1-9]\d{0,9}))|(?P<end>held|ended|finished))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A submission and its latest run at one moment.

    `run` counts the runs from 1, and is 0 if there was none. `attempt` is the attempt that runs, waits or ran last.
    `tests` is the number of the last test that has ended in it. `owner` is the submission's key, `job` the job of its
    latest run.
    """

    submission: int
    state: State
    run: int
    attempt: int
    created_at: datetime
    requested_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    tests: int = 0
    owner: int | None = None
    job: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class EventPosition:
    """The place of an event among those of its submission."""

    submission: int
    run: int
    attempt: int
    step: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the position of an event's id, or None if it is no such id."""
        match = _ID.fullmatch(text)
        if match is None:
            return None
        submission, run = int(match["submission"]), int(match["run"])
        if match["end"]:
            return cls(submission, run, *_ENDS[match["end"]])
        step = len(_STEPS) + int(match["test"]) - 1 if match["test"] else _STEPS.index(State(match["state"]))
        return cls(submission, run, int(match["attempt"]), step)

    @property
    def is_last(self) -> bool:
        """True if no event of the run follows."""
        return (self.attempt, self.step) == _ENDS["finished"]

    def __str__(self) -> str:
        run = f"{self.submission}.{self.run}"
        for name, place in _ENDS.items():
            if place == (self.attempt, self.step):
                return f"{run}.{name}"
        step = _STEPS[self.step] if self.step < len(_STEPS) else f"test{self.step - len(_STEPS) + 1}"
        return f"{run}.{self.attempt}.{step}"


#: The steps outside of attempts: attempt and step of each.
_ENDS: Final = {"held": (0, 0), "ended": (_END, 0), "finished": (_END, 1)}


@dataclass(frozen=True, slots=True)
class StateEntered:
    position: EventPosition
    state: State
    at: datetime


@dataclass(frozen=True, slots=True)
class TestFinished:
    __test__ = False  # pytest would take it for a test

    position: EventPosition
    number: int


@dataclass(frozen=True, slots=True)
class SubmissionFinished:
    """The last event: the submission is in a final state."""

    position: EventPosition


Event = StateEntered | TestFinished | SubmissionFinished


def events_of(snapshot: Snapshot) -> list[Event]:
    """Return the events of the latest run so far, in order. A submission that never ran has only `held`."""
    events: list[Event] = []
    if snapshot.run == 0:
        events.append(StateEntered(_position(snapshot, 0, 0), State.HELD, snapshot.created_at))
    else:
        events += _events_of_attempt(snapshot)
    if snapshot.state in FINAL_STATES:
        at = snapshot.finished_at or snapshot.created_at
        events.append(StateEntered(_position(snapshot, *_ENDS["ended"]), snapshot.state, at))
        events.append(SubmissionFinished(_position(snapshot, *_ENDS["finished"])))
    return events


def unsent(snapshot: Snapshot, last: EventPosition | None) -> list[Event]:
    """Return the events after the `last` one that the client had: all of them if it is unknown."""
    events = events_of(snapshot)
    if last is None or (last.submission, last.run) != (snapshot.submission, snapshot.run):
        return events
    later = [event for event in events if event.position > last]
    # If what the client had is ahead of the run, the run was taken back, and it has started again or will.
    return later if later or events[-1].position == last else events


def _events_of_attempt(snapshot: Snapshot) -> list[Event]:
    attempt = max(snapshot.attempt, 1)
    queued_at = snapshot.requested_at or snapshot.created_at
    events: list[Event] = [StateEntered(_position(snapshot, attempt, 0), State.QUEUED, queued_at)]
    if snapshot.state is not State.QUEUED and snapshot.started_at is not None:
        events.append(StateEntered(_position(snapshot, attempt, 1), State.RUNNING, snapshot.started_at))
        steps = range(1, snapshot.tests + 1)
        events += [TestFinished(_position(snapshot, attempt, len(_STEPS) + number - 1), number) for number in steps]
    return events


def _position(snapshot: Snapshot, attempt: int, step: int) -> EventPosition:
    return EventPosition(snapshot.submission, snapshot.run, attempt, step)
