"""Measures answers a second of `POST /v1/run` and of the front doors beside the executor alone: `python -m
benchmarks.doors --help`.

Windows of the door and of the executor's own `POST /run` alternate, so the ratio of two neighbours has a meaning on a
busy machine too. Each program is a Python hello-world that was never sent before, and only right answers count.
"""

import argparse
import asyncio
import itertools
import json
import secrets
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import report
from benchmarks.engine import engine
from benchmarks.findings import Finding, median_ratio
from benchmarks.load import Client
from benchmarks.processes import cpu_seconds, service
from benchmarks.surroundings import Surroundings, execute, surroundings
from shared.common.service.logging import LogSettings, configure_logging
from shared.records.accounts.api_keys import digest, new_key

_RESULTS: Final = Path(__file__).parents[1] / "dist" / "doors.json"
_CONNECTIONS: Final = (1, 2, 16, 64, 128)
#: The executor refuses more: so many wait for a slot.
_MAX_AT_EXECUTOR: Final = 64
#: Seconds within which every answer comes, or the benchmark ends.
_PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run a program: where it is posted, its body for a source, and its standard output in the answer."""

    path: str
    body: Callable[[str], dict[str, Any]]
    stdout: Callable[[bytes], str]


_EXECUTOR: Final = Way(
    "/run",
    lambda source: {"language": "py", "files": [{"path": "main.py", "content": source}]},
    lambda answer: str(json.loads(answer.splitlines()[-2])["stdout"]),
)
_DOORS: Final = {
    "v1": Way(
        "/v1/run",
        lambda source: {"language": "py", "source": source},
        lambda answer: str(json.loads(answer)["stdout"]),
    ),
    "piston": Way(
        "/api/v2/execute",
        lambda source: {"language": "python", "version": "*", "files": [{"content": source}]},
        lambda answer: str(json.loads(answer)["run"]["stdout"]),
    ),
    "sandboxfusion": Way(
        "/run_code",
        lambda source: {"language": "python", "code": source},
        lambda answer: str(json.loads(answer)["run_result"]["stdout"]),
    ),
    "jobe": Way(
        "/jobe/index.php/restapi/runs",
        lambda source: {"run_spec": {"language_id": "python3", "sourcecode": source}},
        lambda answer: str(json.loads(answer)["stdout"]),
    ),
}


@dataclass(slots=True)
class Window:
    """The seconds of each right answer within the window, and those of the window.

    `answers` counts those after its end too, and `cpu_s` is the API's time for each.
    """

    seconds: float
    took: list[float] = field(default_factory=list)
    answers: int = 0
    wrong: int = 0
    cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.took) / self.seconds

    @property
    def p99_ms(self) -> float:
        return 1000 * sorted(self.took)[int(0.99 * len(self.took))] if self.took else float("inf")


def measure(surroundings: Surroundings, chosen: argparse.Namespace) -> Iterator[Finding]:
    """Yield a finding for each door and number of connections."""
    key, doors = new_key(), [name for name in chosen.doors or _DOORS if name != "v1"]
    with engine() as executor:
        ours = surroundings.installation(
            codex_url=executor.url, front_doors=",".join(doors), connections="1024", connections_per_address="1024"
        )
        # Without a budget, which would end a long measurement. The way is the same.
        row = f"('bench', '{digest(key)}', '{{submit}}', {10**9})"
        execute(ours.database_url, f"INSERT INTO api_keys (name, sha256, scopes, run_seconds) VALUES {row}")
        with service("job_runner", ours.environment), service("api_service", ours.environment) as pid:
            numbers = itertools.count(secrets.randbelow(10**6) * 10**6)
            for name in chosen.doors or _DOORS:
                for connections in chosen.connections:
                    yield asyncio.run(_compare(name, connections, (ours.url, key, pid), executor.url, numbers, chosen))


async def _compare(
    name: str,
    connections: int,
    ours: tuple[str, str, int],
    executor_url: str,
    numbers: Iterator[int],
    chosen: argparse.Namespace,
) -> Finding:
    url, key, pid = ours
    door, alone = [], []
    await _window(url, _DOORS[name], min(connections, 4), 1.0, numbers, key)
    for _ in range(chosen.rounds):
        at_executor = min(connections, _MAX_AT_EXECUTOR)
        alone.append(await _window(executor_url, _EXECUTOR, at_executor, chosen.seconds, numbers, ""))
        before = cpu_seconds(pid)
        door.append(await _window(url, _DOORS[name], connections, chosen.seconds, numbers, key))
        door[-1].cpu_s = (cpu_seconds(pid) - before) / door[-1].answers
    wrong = sum(window.wrong for window in (*door, *alone))
    rates = [window.rate for window in door], [window.rate for window in alone]
    p99 = [statistics.median(window.p99_ms for window in windows) for windows in (door, alone)]
    cpu_ms = 1000 * statistics.median(window.cpu_s for window in door)
    wrong_text = f", {wrong} WRONG" if wrong else ""
    return Finding(
        measure=f"{_DOORS[name].path}, {connections} connection{'s' * (connections > 1)}",
        ours=f"{statistics.median(rates[0]):.1f}/s, p99 {p99[0]:.0f} ms, {cpu_ms:.2f} ms of the API{wrong_text}",
        beside=f"executor alone {statistics.median(rates[1]):.1f}/s, p99 {p99[1]:.0f} ms",
        ratio=median_ratio(*rates),
        details={"door": name, "connections": connections, "ours_per_s": rates[0], "beside_per_s": rates[1],
                 "p99_ms": p99, "api_cpu_ms": cpu_ms, "wrong": wrong},
    )  # fmt: skip


async def _window(url: str, way: Way, connections: int, seconds: float, numbers: Iterator[int], key: str) -> Window:
    """Return the answers of so many connections, each with one request at a time."""
    window = Window(seconds)
    clients = [await Client.connect(url) for _ in range(connections)]
    ends_at = time.perf_counter() + seconds
    header = f"Authorization: Bearer {key}\r\n" if key else ""

    async def work(client: Client) -> None:
        while (began := time.perf_counter()) < ends_at:
            number = next(numbers)
            body = json.dumps(way.body(f"print('Hello, world!', {number})")).encode()
            answer = await client.request("POST", way.path, body, "application/json", _PATIENCE_S, headers=header)
            ended = time.perf_counter()
            window.answers += 1
            if way.stdout(answer) != f"Hello, world! {number}\n":
                window.wrong += 1
            elif ended <= ends_at:
                window.took.append(ended - began)

    try:
        await asyncio.gather(*(work(client) for client in clients))
    finally:
        for client in clients:
            client.close()
    return window


def main() -> int:
    """Run the benchmark. Return 0."""
    chosen = _arguments(sys.argv[1:])
    command, findings = shlex.join(["python", "-m", "benchmarks.doors", *sys.argv[1:]]), []
    configure_logging("benchmark", LogSettings(log_level="WARNING"))
    with surroundings() as around:
        for finding in measure(around, chosen):
            print(report.line(finding), file=sys.stderr, flush=True)
            findings.append(finding)
            # After each, so that a failure of the next one loses nothing.
            report.write(report.record(findings, command=command), chosen.output)
    report.show(findings)
    return 0


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doors", description=__doc__)
    parser.add_argument("doors", nargs="*", choices=[*_DOORS, []], help="default: all")
    parser.add_argument("--connections", nargs="+", type=int, default=_CONNECTIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of a window")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="file for the figures, as JSON")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
