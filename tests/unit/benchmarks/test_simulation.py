"""The model of an installation agrees with formulas where there are some, and with itself."""

import json
import math
import random
import subprocess
import sys
from dataclasses import replace

import pytest
import simpy

from benchmarks.simulation.costs import Costs
from benchmarks.simulation.installation import Load, Size, percentile, simulate
from benchmarks.simulation.one_machine import Burst, rate
from benchmarks.simulation.plan import LONGEST_DELAY, limits, plan
from benchmarks.simulation.stations import Process, Station

COSTS = Costs(
    api=0.005,
    consumer=0.003,
    runner=0.008,
    executor=0.014,
    postgres=0.004,
    rabbitmq=0.001,
    commits=7,
    log_kib=9,
    kept_kib=6,
)
BURST = Burst(
    submissions=300,
    clients=16,
    client=0.001,
    api=0.002,
    consumer=0.001,
    runner=0.002,
    rabbitmq=0.001,
    postgres_accepting=0.001,
    postgres_after=0.002,
    commit=0.0,
)


def test_a_station_makes_wait_as_erlangs_formula_says() -> None:
    rng, env, servers = random.Random(3), simpy.Environment(), 4
    station = Station(env, servers, rng=rng)
    offered = 0.7 * servers

    def arrivals() -> Process:
        for _ in range(20_000):
            yield env.timeout(rng.expovariate(offered))
            env.process(station.serve(1.0))

    env.process(arrivals())
    env.run()
    # Erlang C: the part of the customers who wait, and how long all wait in the mean.
    last = offered**servers / math.factorial(servers) / (1 - offered / servers)
    waiting = last / (sum(offered**n / math.factorial(n) for n in range(servers)) + last)
    assert sum(station.waits) / len(station.waits) == pytest.approx(waiting / (servers - offered), rel=0.15)


def test_the_cores_limit_a_burst_on_one_machine() -> None:
    assert rate(BURST, cores=2, free=1.0) == pytest.approx(2 / 0.010, rel=0.1)
    assert rate(BURST, cores=2, free=0.5) == pytest.approx(1 / 0.010, rel=0.1)


def test_one_process_limits_a_burst_on_many_cores() -> None:
    assert rate(replace(BURST, runner=0.02), cores=16, free=1.0) == pytest.approx(1 / 0.02, rel=0.1)


def test_a_plan_holds_its_delay_and_one_with_fewer_does_not() -> None:
    found = plan(1_000_000, COSTS)
    assert found.delay_p99 <= LONGEST_DELAY
    load = Load(rate=found.rate, program=found.program)
    overloaded = replace(found.size, executor=found.size.executor // 2)
    seen = simulate(overloaded, load, COSTS, submissions=2000)
    assert percentile(seen.delays, 0.99) > LONGEST_DELAY


def test_a_simulation_repeats_itself() -> None:
    size = Size(api=2, consumer=2, runner=2, executor=3, postgres=2)
    one, other = (simulate(size, Load(rate=10), COSTS, submissions=300) for _ in range(2))
    assert one == other


def test_the_nearest_limit_comes_first() -> None:
    a_day = [limit.a_day for limit in limits(COSTS)]
    assert a_day == sorted(a_day)
    assert limits(COSTS, mails=1)[0].what == "mails of the provider"


@pytest.mark.slow
def test_the_command_prints_a_plan_as_json() -> None:
    command = [sys.executable, "-m", "benchmarks.simulation", "--per-day", "1000", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shown = json.loads(done.stdout)
    assert shown["plan"]["a_day"] == 1000
    assert {"delay_p99", "size"} <= shown["plan"].keys()
    assert len(shown["limits"]) == len(limits(COSTS))
