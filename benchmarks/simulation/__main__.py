"""Says how many of each process so many submissions a day need: `python -m benchmarks.simulation --per-day 1000000`."""

import argparse
import json
import sys
from dataclasses import asdict

from benchmarks.simulation.costs import Costs
from benchmarks.simulation.plan import MAILS, limits, plan
from benchmarks.simulation.tables import PAGE, arithmetical, limits_table, plans_table, simulated, written


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    parser.add_argument("--per-day", type=int, default=1_000_000, metavar="N", help="submissions a day")
    parser.add_argument("--program", type=float, default=0.5, metavar="SECONDS", help="mean CPU time of a program")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--write-docs", action="store_true", help="write the tables of docs/scaling.md")
    parser.add_argument("--mails", type=float, default=MAILS, metavar="RATE", help="mails a second of the provider")
    chosen = parser.parse_args()
    if chosen.per_day < 1 or chosen.program < 0:
        parser.error("--per-day must be at least 1, and --program at least 0")
    costs = Costs.measured()
    if chosen.write_docs:
        PAGE.write_text(written(PAGE.read_text(), arithmetical(costs) | simulated(costs)))
        return 0
    planned, nearest = plan(chosen.per_day, costs, program=chosen.program), limits(costs, chosen.mails)
    if chosen.json:
        shown = {"plan": asdict(planned), "limits": [asdict(each) | {"a_day": each.a_day} for each in nearest]}
        print(json.dumps(shown, indent=1))
    else:
        print(f"{plans_table([planned])}\n{limits_table(costs, chosen.mails)}", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
