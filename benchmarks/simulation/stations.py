"""The parts of the model: servers with a queue, and the cores that they run on."""

import random
from collections.abc import Generator, Sequence
from typing import Any, Final

import simpy

Process = Generator[simpy.Event, Any, None]

#: The time for which a process keeps a core while others wait, in seconds.
_SLICE: Final = 0.001


class Cores:
    """Processors that processes share by turns. `speed` is how fast each is for us."""

    def __init__(self, env: simpy.Environment, number: int, speed: float = 1.0) -> None:
        self._env = env
        self._cores = simpy.Resource(env, number)
        self._speed = speed

    def spend(self, seconds: float) -> Process:
        """Use so much CPU time, a slice after the other."""
        left = seconds
        while left > 0:
            with self._cores.request() as turn:
                yield turn
                now = min(left, _SLICE)
                yield self._env.timeout(now / self._speed)
            left -= now


class Station:
    """Servers with one queue. Work takes an exponentially distributed time if there is an `rng`, else a fixed one."""

    def __init__(
        self, env: simpy.Environment, servers: int, *, rng: random.Random | None = None, cores: Cores | None = None
    ) -> None:
        self._env = env
        self._rng = rng
        self._cores = cores
        self.servers = simpy.Resource(env, servers)
        self.busy = 0.0
        #: The waits for a server, in seconds.
        self.waits: list[float] = []

    def serve(self, mean: float) -> Process:
        """Wait for a server, and use it for a time with this mean."""
        came = self._env.now
        with self.servers.request() as server:
            yield server
            self.waits.append(self._env.now - came)
            yield from self.work(mean)

    def work(self, mean: float) -> Process:
        """Work without waiting for a server: the caller has one."""
        seconds = self._rng.expovariate(1 / mean) if self._rng and mean else mean
        self.busy += seconds
        if self._cores:
            yield from self._cores.spend(seconds)
        else:
            yield self._env.timeout(seconds)

    @property
    def length(self) -> int:
        """The number of those that are served or wait."""
        return self.servers.count + len(self.servers.queue)


def shortest(stations: Sequence[Station]) -> Station:
    """Return the station with the fewest customers."""
    return min(stations, key=lambda station: station.length)
