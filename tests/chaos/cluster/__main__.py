"""A storm over the cluster: `make chaos-cluster MINUTES=10`, or `python -m tests.chaos.cluster --seed 7`."""

import argparse
import fnmatch
import random
import re
import signal
import sys
from collections.abc import Sequence

from tests.chaos.__main__ import show
from tests.chaos.cluster.agreement import disagreements, sweep_and_read
from tests.chaos.cluster.faults import menu
from tests.chaos.cluster.outages import longest, overdue, waits
from tests.chaos.cluster.world import KEY, World, missing_part, running_world
from tests.chaos.fault import Fault
from tests.chaos.load import Load
from tests.chaos.storm import storm


def main() -> int:
    parser = argparse.ArgumentParser(description="Random faults of machines and networks under submissions.")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--rate", type=float, default=2.0, help="submissions a second")
    parser.add_argument("--drain", type=float, default=300, help="the most seconds until all is done after the storm")
    parser.add_argument("--faults", default="*", help="only these, as `a,b`; * stands for any text; see --list")
    parser.add_argument("--list", action="store_true", help="list the faults, and end")
    chosen = parser.parse_args()
    if (missing := missing_part()) is not None:
        parser.error(f"{missing[0]} is not available: {missing[1]}")
    # The hosts must be removed in any case.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print(f"seed {chosen.seed}", flush=True)
    with running_world() as world, Load(*world.urls, key=KEY) as load:
        faults = menu(world)
        if chosen.list:
            print("\n".join(sorted({fault.name for fault in faults})))
            return 0
        if not (faults := _named(faults, chosen.faults)):
            parser.error(f"no fault has such a name: {chosen.faults}; --list lists them")
        report = storm(
            world,
            faults,
            load,
            seconds=chosen.minutes * 60,
            seed=chosen.seed,
            rate=chosen.rate,
            drain_timeout=chosen.drain,
            tell=lambda line: print(line, flush=True),
        )
        measured = waits(world, load)
        report.overdue += overdue(report.strikes, measured)
        assert report.verdict is not None
        report.verdict.violations.extend(disagreements(sweep_and_read(world, load)))
        show(report)
        outages = longest(report.strikes, measured)
        print(f"\n{'longest wait during the fault':52}s")
        for name, seconds in sorted(outages.items()):
            print(f"{name:52}{seconds:.1f}")
        is_clean = not report.verdict.violations and not report.overdue
        world.keep_folder |= not is_clean
        return 0 if is_clean else 1


def _named(faults: Sequence[Fault[World]], names: str) -> list[Fault[World]]:
    """Return the faults of these names. A comma within a name has a space behind it."""
    patterns = re.split(",(?! )", names)
    return [fault for fault in faults if any(fnmatch.fnmatch(fault.name, pattern) for pattern in patterns)]


if __name__ == "__main__":
    sys.exit(main())
