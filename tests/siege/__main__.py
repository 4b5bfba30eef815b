"""`python -m tests.siege --minutes 30`: honest clients alone first, then beside attackers; compares the two.

The whole system runs as in production: `precieux up` with real keys behind the gateway of Compose, the executor as an
ordinary user inside a memory cgroup of 2 GiB, and the API inside one of the size of its container, if there are
cgroups. It fails if an honest submission gets a wrong answer, if the honest clients' median more than doubles, if the
API needs more memory than its container has, or if any process of ours dies.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import yaml

from api_service.settings import ApiSettings
from tests.fixtures.contract import precieux
from tests.fixtures.executor import MODES, running_executor
from tests.fixtures.haproxy import haproxy
from tests.fixtures.memory_group import memory_group
from tests.fixtures.processes import descendants
from tests.fixtures.up import Up
from tests.siege.honest import Tally, submit_for

_MEMORY_BYTES: Final = 2 << 30
_MAX_SLOWDOWN: Final = 2.0
_TOKEN: Final = "siege-" * 6
_HONEST_CLIENTS: Final = 2
_COMPOSE: Final = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())["services"]
#: The MiB of the API's container.
_API_MIB: Final = int(_COMPOSE["api_service"]["mem_limit"].removesuffix("m"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Attackers and honest clients at one system.")
    parser.add_argument("--minutes", type=float, default=3.0, help="of the siege; a quarter of it before, in peace")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two submissions of an honest client")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="precieux-siege-"))
    folder.chmod(0o711)
    mode = "ordinary user" if "ordinary user" in MODES else "as it comes"
    with contextlib.ExitStack() as stack:
        try:
            prefix = stack.enter_context(memory_group(_MEMORY_BYTES)).prefix
        except OSError as exc:
            print(f"The executor runs without a memory limit: no memory cgroup can be made here ({exc}).")
            prefix = []
        # Its own session, as under `up`: the kernel divides the processors among sessions.
        engine = stack.enter_context(running_executor(mode, prefix=[*prefix, "setsid"], codex_token=_TOKEN))
        settings = {"PRECIEUX_CODEX_URL": engine.url, "PRECIEUX_CODEX_TOKEN": _TOKEN}
        # As in Compose: all clients have the gateway's address.
        up = Up(folder, settings | {"PRECIEUX_CONNECTIONS_PER_ADDRESS": str(ApiSettings().connections)})
        up.start()
        try:
            _limit_memory(up.process_of("api_service").pid, stack)
            url = f"http://127.0.0.1:{stack.enter_context(haproxy(folder, up.port))}"
            return _besiege(up, url, engine.pid, minutes=chosen.minutes, every_s=chosen.every)
        finally:
            up.stop()
            print(f"The log is {folder / 'up.log'}")


def _limit_memory(api: int, stack: contextlib.ExitStack) -> None:
    """Let the API have as much memory as its container has. What it has already stays counted where it was."""
    now_mib = _status(api, "VmRSS")
    try:
        group = stack.enter_context(memory_group((_API_MIB - now_mib) << 20))
    except OSError as exc:
        print(f"The API runs without a memory limit: no memory cgroup can be made here ({exc}).")
        return
    (group.folder / "cgroup.procs").write_text(str(api))


def _besiege(up: Up, url: str, executor: int, *, minutes: float, every_s: float) -> int:
    keys = [
        precieux(up.data_dir, "keys", "create", name)["key"]
        for name in (*(f"honest-{n}" for n in range(_HONEST_CLIENTS)), "attacker")
    ]
    before = _services(up, executor)
    peace = asyncio.run(_phase(url, keys, minutes * 15, every_s, attack=False))
    print(_line("alone", peace), flush=True)
    siege = asyncio.run(_phase(url, keys, minutes * 60, every_s, attack=True))
    print(_line("besieged", siege), flush=True)
    after = _services(up, executor)
    died = sorted(name for pid, name in before.items() if pid not in after)
    ratio = siege.quantile(0.5) / peace.quantile(0.5)
    print(f"slowdown of the median: {ratio:.2f} (at most {_MAX_SLOWDOWN:g}); of the 95th percentile:"
          f" {siege.quantile(0.95) / peace.quantile(0.95):.2f}")  # fmt: skip
    for pid, name in after.items():
        print(f"peak memory of {name}: {_status(pid, 'VmHWM')} MiB")
    is_fat = any(name == "api_service" and _status(pid, "VmHWM") > _API_MIB for pid, name in after.items())
    for wrong in (*peace.wrong, *siege.wrong)[:20]:
        print(f"NOT SERVED: {wrong}")
    for name in died:
        print(f"DIED: {name}")
    return int(bool(peace.wrong or siege.wrong or died or is_fat) or ratio > _MAX_SLOWDOWN)


async def _phase(url: str, keys: list[str], seconds: float, every_s: float, *, attack: bool) -> Tally:
    *honest, hostile = keys
    # The attackers have their own process and session, so they take no processor time of the honest clients.
    command = [sys.executable, "-m", "tests.siege.attackers", url, hostile]
    attackers = await asyncio.create_subprocess_exec(*command, start_new_session=True) if attack else None
    started = f"{time.time():.0f}"
    tallies = await asyncio.gather(
        *(
            submit_for(url, key, f"h{n}-{started}", seconds=seconds, every_s=every_s, address=f"127.0.3.{n + 1}")
            for n, key in enumerate(honest)
        )
    )
    if attackers:
        attackers.terminate()
        await attackers.wait()
    whole = Tally()
    for tally in tallies:
        whole.seconds += tally.seconds
        whole.wrong += tally.wrong
        whole.put_off += tally.put_off
    return whole


def _services(up: Up, executor: int) -> dict[int, str]:
    """Return the processes that must survive, by process id."""
    assert up.process
    found = {executor: "executor"}
    for name in ("queue_consumer", "job_runner", "api_service", "postgres"):
        found[up.process_of(name).pid] = name
    keepers = [one for one in descendants(executor) if "/box/keeper.pyz" in one.command and "bwrap" not in one.command]
    return found | {one.pid: "keeper" for one in keepers[:1]}


def _line(name: str, tally: Tally) -> str:
    return (
        f"{name}: {len(tally.seconds)} served, {len(tally.wrong)} not, {tally.put_off} times put off; median"
        f" {tally.quantile(0.5):.2f} s, 95th percentile {tally.quantile(0.95):.2f} s, longest {tally.quantile(1):.2f} s"
    )


def _status(pid: int, field: str) -> int:
    """Return a field of the process's status in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) // 1024


if __name__ == "__main__":
    sys.exit(main())
