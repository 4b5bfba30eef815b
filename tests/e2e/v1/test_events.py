"""Section 4 of the contract: event streams."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.v1.conftest import Event, parse
from tests.fixtures.contract import TIME, Api, Contract, problem, started
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow


def kept(lines: Iterator[str], seen: list[str]) -> Iterator[str]:
    """Yield the lines, and add them to `seen`."""
    for line in lines:
        seen.append(line)
        yield line


def read(api: Api, path: str, last: str | None = None) -> list[Event]:
    """Return the events of a stream that ends."""
    headers = {"Last-Event-ID": last} if last is not None else {}
    with api.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        return list(parse(answer.iter_lines()))


def names(events: list[Event]) -> list[str]:
    return [one.data["state"] if one.event == "state" else one.event for one in events]


def test_a_stream_from_the_beginning(owner: Api) -> None:
    body = owner.submit(
        source="import time; time.sleep(0.3); print(input())", tests=[{"stdin": "1"}, {"stdin": "2"}], wait=0
    )
    path = f"/v1/submissions/{body['id']}"
    live = read(owner, f"{path}/events")
    assert names(live) == ["queued", "running", "test", "test", "finished", "finished"]
    whole = owner.read(path)
    for event in live:
        assert event.id
        if event.event == "state":
            assert set(event.data) == {"state", "at"}
            assert TIME.fullmatch(event.data["at"])
    assert [one.data for one in live if one.event == "test"] == whole["run"]["tests"]
    assert live[-1].data == whole
    assert len({one.id for one in live}) == len(live)
    assert read(owner, f"{path}/events") == live


def test_a_stream_resumes(owner: Api) -> None:
    body = owner.submit(source="print(1)", tests=[{}, {}])
    path = f"/v1/submissions/{body['id']}/events"
    every = read(owner, path)
    for at, event in enumerate(every[:-1]):
        assert read(owner, path, event.id) == every[at + 1 :]
    done = owner.get(path, headers={"Last-Event-ID": every[-1].id or ""})
    assert (done.status_code, done.content) == (204, b"")
    for unknown in ("nothing", "999999999", "", "0"):
        assert read(owner, path, unknown) == every
    owner.post(f"/v1/submissions/{body['id']}/runs", params={"wait": 20})
    after = read(owner, path, every[-1].id)
    assert names(after) == names(every)
    assert after[-1].data["runs"] == 2
    assert not {one.id for one in after} & {one.id for one in every}
    assert read(owner, path) == after


def test_tests_that_are_not_run_have_no_event(owner: Api) -> None:
    tests = [{"expected_output": "2"}, {}]
    body = owner.submit(source="print(1)", tests=tests, stop_at_first_failure=True)
    events = read(owner, f"/v1/submissions/{body['id']}/events")
    assert [one.data["number"] for one in events if one.event == "test"] == [1]


def test_the_headers_of_a_stream(owner: Api) -> None:
    body = owner.submit(source="print(1)")
    answer = owner.get(f"/v1/submissions/{body['id']}/events", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in answer.headers
    assert answer.headers["x-request-id"]


def test_output_comes_while_the_program_runs(owner: Api) -> None:
    source = (
        "import sys, time\nwhile True:\n    for to in (sys.stdout, sys.stderr): print('yet', file=to, flush=True)\n"
    )
    body = owner.submit(source=source + "    time.sleep(0.1)", live_output=True, wait=0)
    path = f"/v1/submissions/{body['id']}"
    with owner.stream("GET", f"{path}/events") as answer:
        events = parse(answer.iter_lines())
        written: dict[str, Event] = {}
        while len(written) < 2:
            event = next(events)
            if event.event != "state":
                written[event.event] = event
        owner.post(f"{path}/cancel")
        rest = [event for event in events if event.event not in written]
    assert names(rest) == ["cancelled", "finished"]
    assert written.keys() == {"stdout", "stderr"}
    for event in written.values():
        assert event.data["text"].startswith("yet\n")
        assert event.id is None


def test_a_cancelled_submission_ends_its_stream(owner: Api) -> None:
    running = started(owner)
    path = f"/v1/submissions/{running['id']}"
    with owner.stream("GET", f"{path}/events") as answer:
        lines: list[str] = []
        events = parse(kept(answer.iter_lines(), lines))
        assert next(events).data["state"] == "queued"
        assert next(events).data["state"] == "running"
        lines.clear()
        owner.post(f"{path}/cancel")
        rest = list(events)
    assert not [line for line in lines if line.startswith(":")]  # it did not wait for the next comment
    assert names(rest) == ["cancelled", "finished"]
    assert rest[-1].data["state"] == "cancelled"
    held = owner.held()
    owner.post(f"/v1/submissions/{held['id']}/cancel")
    ended = read(owner, f"/v1/submissions/{held['id']}/events")
    assert names(ended)[-2:] == ["cancelled", "finished"]


def test_streams_are_bounded_per_key(system: Contract) -> None:
    held = system.owner.held()
    path = f"/v1/submissions/{held['id']}/events"
    with ExitStack() as opened:
        for _ in range(3):
            answer = opened.enter_context(system.owner.stream("GET", path))
            assert answer.status_code == 200
        problem(system.owner.get(path), 429)
        with system.admin.stream("GET", path) as other:
            assert other.status_code == 200

    def again() -> bool:
        with system.owner.stream("GET", path) as answer:
            return answer.status_code == 200

    eventually_sync(again)


def test_a_batch_streams_its_progress(owner: Api) -> None:
    sleep = {"language": "py", "source": "import time; time.sleep(0.5)"}
    body = owner.post("/v1/batches", json={"submissions": [sleep] * 6}).json()
    path = f"/v1/batches/{body['id']}"
    began = time.monotonic()
    events = read(owner, f"{path}/events")
    assert [one.event for one in events] == ["progress"] * (len(events) - 1) + ["finished"]
    assert len(events) - 1 <= time.monotonic() - began + 2
    assert all(set(one.data) == {"total", "done", "states", "verdicts"} for one in events[:-1])
    counts = [one.data["done"] for one in events[:-1]]
    assert counts == sorted(counts)
    assert counts[0] < 6  # the first one is sent at once
    assert events[-1].data == owner.read(path)
    assert events[-1].data["state"] == "finished"
    again = read(owner, f"{path}/events")
    assert [one.event for one in again] == ["progress", "finished"]
    done = owner.get(f"{path}/events", headers={"Last-Event-ID": again[-1].id or ""})
    assert (done.status_code, done.content) == (204, b"")
