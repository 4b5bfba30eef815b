"""The events of a submission, and a client that reconnects at any time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_service.events.event_log import (
    Event,
    EventPosition,
    Snapshot,
    StateEntered,
    events_of,
    unsent,
)
from shared.records.resources.states import State

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
HELD = Snapshot(17, State.HELD, 0, 1, NOW)
QUEUED = Snapshot(17, State.QUEUED, 1, 1, NOW, requested_at=NOW + timedelta(seconds=1))
RUNNING = replace(QUEUED, state=State.RUNNING, started_at=NOW + timedelta(seconds=2))
FINISHED = replace(RUNNING, state=State.FINISHED, finished_at=NOW + timedelta(seconds=3))


def with_tests(count: int) -> list[Snapshot]:
    """Return what is seen of a run with that many tests."""
    return [
        QUEUED,
        *(replace(RUNNING, tests=ended) for ended in range(count + 1)),
        replace(FINISHED, tests=count),
    ]


def names(events: Sequence[Event]) -> list[str]:
    return [str(event.position) for event in events]


def test_a_run_has_its_states_its_tests_and_its_end() -> None:
    assert names(events_of(with_tests(2)[-1])) == [
        "17.1.1.queued", "17.1.1.running", "17.1.1.test1", "17.1.1.test2", "17.1.ended", "17.1.finished",
    ]  # fmt: skip


def test_states_have_the_times_at_which_they_began() -> None:
    states = [event for event in events_of(FINISHED) if isinstance(event, StateEntered)]
    assert [(event.state, (event.at - NOW).total_seconds()) for event in states] == [
        (State.QUEUED, 1),
        (State.RUNNING, 2),
        (State.FINISHED, 3),
    ]


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (HELD, ["17.0.held"]),
        (replace(HELD, state=State.CANCELLED), ["17.0.held", "17.0.ended", "17.0.finished"]),
        (replace(QUEUED, state=State.CANCELLED), ["17.1.1.queued", "17.1.ended", "17.1.finished"]),
        (replace(QUEUED, state=State.FAILED, attempt=0), ["17.1.1.queued", "17.1.ended", "17.1.finished"]),
        (replace(RUNNING, state=State.QUEUED, attempt=2), ["17.1.2.queued"]),
    ],
)
def test_events_are_only_of_what_happened(snapshot: Snapshot, expected: list[str]) -> None:
    assert names(events_of(snapshot)) == expected


@given(st.integers(0, 5).flatmap(lambda count: st.tuples(st.just(with_tests(count)), st.data())))
def test_a_client_gets_each_event_once_wherever_it_breaks(drawn: tuple[list[Snapshot], st.DataObject]) -> None:
    history, data = drawn
    last: EventPosition | None = None
    got: list[Event] = []
    seen = [snapshot for snapshot in history if data.draw(st.booleans())]
    for snapshot in [*seen, history[-1]]:
        new = unsent(snapshot, last)
        # The connection breaks, and the client reports the last id that it had.
        new = new[: data.draw(st.integers(0, len(new)))]
        got += new
        last = EventPosition.parse(str(new[-1].position)) if new else last
    got += unsent(history[-1], last)
    assert got == events_of(history[-1])


def test_another_run_begins_with_its_own_events() -> None:
    last = events_of(FINISHED)[-1].position
    assert names(unsent(replace(QUEUED, run=2), last)) == ["17.2.1.queued"]
    assert names(unsent(QUEUED, EventPosition.parse("17.0.held"))) == ["17.1.1.queued"]


def test_another_attempt_leads_back_to_queued() -> None:
    ran = events_of(replace(RUNNING, tests=3))[-1].position
    again = replace(RUNNING, state=State.QUEUED, attempt=2)
    assert names(unsent(again, ran)) == ["17.1.2.queued"]
    assert names(unsent(replace(RUNNING, attempt=2, tests=1), ran)) == [
        "17.1.2.queued",
        "17.1.2.running",
        "17.1.2.test1",
    ]


def test_a_run_that_was_taken_back_starts_again() -> None:
    """A runner that stops hands its job back, and the attempt does not count."""
    ran = events_of(replace(RUNNING, tests=3))[-1].position
    queued = unsent(QUEUED, ran)
    assert names(queued) == ["17.1.1.queued"]
    assert names(unsent(RUNNING, queued[-1].position)) == ["17.1.1.running"]


def test_cancelling_between_two_attempts_repeats_nothing() -> None:
    """The row of a cancelled job does not say that another attempt was waiting."""
    queued = events_of(replace(RUNNING, state=State.QUEUED, attempt=2))[-1].position
    cancelled = replace(RUNNING, state=State.CANCELLED, attempt=1)
    assert names(unsent(cancelled, queued)) == ["17.1.ended", "17.1.finished"]


@pytest.mark.parametrize(
    "text",
    ["", "17.1.1", "17.1.1.queued ", "17.1.1.test0", "17.1.1.ended", "17.1.1.cancelled", "²7.1.1.queued"],
)
def test_other_texts_are_no_ids(text: str) -> None:
    assert EventPosition.parse(text) is None


def test_the_id_of_another_submission_is_unknown() -> None:
    assert unsent(FINISHED, EventPosition.parse("18.1.1.running")) == events_of(FINISHED)
