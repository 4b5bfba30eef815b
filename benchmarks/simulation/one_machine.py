"""The model of the benchmark `benchmarks.sustained`: the whole pipeline and its clients on the cores of one machine."""

from dataclasses import dataclass

import simpy

from benchmarks.simulation.stations import Cores, Process, Station


@dataclass(frozen=True, slots=True)
class Burst:
    """The load of the benchmark, and the CPU seconds that each part spends on one submission."""

    submissions: int
    clients: int
    client: float
    api: float
    consumer: float
    runner: float
    rabbitmq: float
    #: Postgres' part until a submission is accepted, and after that.
    postgres_accepting: float
    postgres_after: float
    #: How long a commit takes while nothing else happens.
    commit: float
    runner_slots: int = 8


def rate(burst: Burst, *, cores: int, free: float) -> float:
    """Return how many submissions a second the machine carries; `free` is the part of it that others leave to us."""
    env = simpy.Environment()
    model = _Machine(env, burst, Cores(env, cores, speed=free))
    for _ in range(burst.clients):
        env.process(model.client())
    env.run()
    return burst.submissions / env.now


class _Machine:
    def __init__(self, env: simpy.Environment, burst: Burst, cores: Cores) -> None:
        self._env = env
        self._burst = burst
        self._cores = cores
        self._left = burst.submissions
        # Each of these is one process with one event loop.
        self._client, self._api, self._consumer, self._runner = (Station(env, 1, cores=cores) for _ in range(4))
        self._slots = simpy.Resource(env, burst.runner_slots)

    def client(self) -> Process:
        while self._left > 0:
            self._left -= 1
            for _ in range(2):
                yield from self._client.serve(self._burst.client / 2)
                yield from self._api.serve(self._burst.api / 2)
                yield from self._statement(self._burst.postgres_accepting / 2)
            self._env.process(self._carried())

    def _carried(self) -> Process:
        yield from self._cores.spend(self._burst.rabbitmq)
        yield from self._consumer.serve(self._burst.consumer)
        yield from self._statement(self._burst.postgres_after / 3)
        with self._slots.request() as slot:
            yield slot
            yield from self._runner.serve(self._burst.runner / 3)
            yield from self._statement(self._burst.postgres_after / 3)
            yield from self._runner.serve(self._burst.runner / 3)
        yield from self._runner.serve(self._burst.runner / 3)
        yield from self._statement(self._burst.postgres_after / 3)

    def _statement(self, seconds: float) -> Process:
        """Run a statement: each connection has a process of its own."""
        yield from self._cores.spend(seconds)
        yield self._env.timeout(self._burst.commit)
