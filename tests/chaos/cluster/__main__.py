"""A storm over the cluster: `make chaos-cluster MINUTES=10`, or `python -m tests.chaos.cluster --seed 7`."""

import argparse
import random
import signal
import sys

from tests.chaos.__main__ import show
from tests.chaos.cluster.faults import menu
from tests.chaos.cluster.outages import longest, overdue, waits
from tests.chaos.cluster.world import KEY, missing_part, running_world
from tests.chaos.load import Load
from tests.chaos.storm import storm


def main() -> int:
    parser = argparse.ArgumentParser(description="Random faults of machines and networks under submissions.")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--rate", type=float, default=2.0, help="submissions a second")
    chosen = parser.parse_args()
    if (missing := missing_part()) is not None:
        parser.error(f"{missing[0]} is not available: {missing[1]}")
    # The hosts must be removed in any case.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print(f"seed {chosen.seed}", flush=True)
    with running_world() as world, Load(*world.urls, key=KEY) as load:
        report = storm(
            world,
            menu(world),
            load,
            seconds=chosen.minutes * 60,
            seed=chosen.seed,
            rate=chosen.rate,
            drain_timeout=300,
            tell=lambda line: print(line, flush=True),
        )
        measured = waits(world, load)
        report.overdue += overdue(report.strikes, measured)
        show(report)
        print(f"\n{'longest wait during the fault':44}s")
        for name, seconds in sorted(longest(report.strikes, measured).items()):
            print(f"{name:44}{seconds:.1f}")
        world.keep_folder |= bool(report.overdue)
        return 0 if report.verdict and not report.verdict.violations and not report.overdue else 1


if __name__ == "__main__":
    sys.exit(main())
