"""The model of an installation: the way of a submission through its processes (docs/architecture.md)."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

import simpy

from benchmarks.simulation.costs import Costs
from benchmarks.simulation.stations import Process, Station, shortest

#: Of deploy/kubernetes: the jobs of one runner, and the programs of one executor.
RUNNER_SLOTS: Final = 16
EXECUTOR_SLOTS: Final = 4
#: The part of the submissions that is left out, because the queues begin empty.
_WARM_UP: Final = 0.2


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are of each: processes, pods of executors, and cores of Postgres."""

    api: int
    consumer: int
    runner: int
    executor: int
    postgres: int


@dataclass(frozen=True, slots=True)
class Load:
    """Submissions a second, the CPU time of their programs, and the wait of a commit for the disk, in seconds."""

    rate: float
    program: float = 0.5
    commit: float = 0.002


@dataclass(slots=True)
class Outcome:
    """The result of a simulation. `delays` are the seconds from the acceptance to the start of the program."""

    seconds: float = 0.0
    delays: list[float] = field(default_factory=list)
    #: The part of the time in which each part was busy.
    busy: dict[str, float] = field(default_factory=dict)
    #: The 99th percentile of the waits for each part.
    waits: dict[str, float] = field(default_factory=dict)


def simulate(size: Size, load: Load, costs: Costs, *, submissions: int, seed: int = 1) -> Outcome:
    """Send submissions at random times through an installation, until all have ended."""
    env = simpy.Environment()
    model = _Installation(env, size, load, costs, random.Random(seed))
    env.process(model.arrivals(submissions))
    env.run()
    return model.outcome()


class _Installation:
    def __init__(self, env: simpy.Environment, size: Size, load: Load, costs: Costs, rng: random.Random) -> None:
        self._env = env
        self._load = load
        self._costs = costs
        self._rng = rng
        # A process has one event loop, so it works on one thing at a time.
        self._apis = [Station(env, 1, rng=rng) for _ in range(size.api)]
        self._consumers = Station(env, size.consumer, rng=rng)
        self._runners = [Station(env, 1, rng=rng) for _ in range(size.runner)]
        self._slots = simpy.Resource(env, size.runner * RUNNER_SLOTS)
        self._executors = Station(env, size.executor * EXECUTOR_SLOTS, rng=rng)
        self._postgres = Station(env, size.postgres, rng=rng)
        self._delays: list[float] = []
        self._balancer: Iterator[Station] = cycle(self._apis)

    def arrivals(self, submissions: int) -> Process:
        for _ in range(submissions):
            yield self._env.timeout(self._rng.expovariate(self._load.rate))
            self._env.process(self._submission())

    def _submission(self) -> Process:
        costs = self._costs
        yield from next(self._balancer).serve(costs.api)
        yield from self._statements(1 / 3)
        accepted = self._env.now
        yield from self._consumers.serve(costs.consumer)
        yield from self._statements(1 / 3)
        with self._slots.request() as slot:
            yield slot
            runner = shortest(self._runners)
            yield from runner.serve(costs.runner / 2)
            with self._executors.servers.request() as box:
                yield box
                self._delays.append(self._env.now - accepted)
                yield from self._executors.work(costs.executor + self._load.program)
            yield from runner.serve(costs.runner / 2)
            yield from self._statements(1 / 3)

    def _statements(self, share: float) -> Process:
        """Run this share of a submission's statements, and wait for the commit."""
        yield from self._postgres.serve(self._costs.postgres * share)
        yield self._env.timeout(self._load.commit)

    def outcome(self) -> Outcome:
        parts = {
            "api": self._apis,
            "consumer": [self._consumers],
            "runner": self._runners,
            "executor": [self._executors],
            "postgres": [self._postgres],
        }
        outcome = Outcome(self._env.now, self._delays[int(len(self._delays) * _WARM_UP) :])
        for part, stations in parts.items():
            servers = sum(station.servers.capacity for station in stations)
            outcome.busy[part] = sum(station.busy for station in stations) / (servers * self._env.now)
            waits = [wait for station in stations for wait in station.waits]
            outcome.waits[part] = percentile(waits, 0.99) if waits else 0.0
        return outcome


def percentile(values: list[float], part: float) -> float:
    """Return the value that this part of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
