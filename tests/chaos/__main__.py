"""A long storm with a summary: `make chaos MINUTES=10`, or `python -m tests.chaos --minutes 10 --seed 7`."""

import argparse
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.faults import menu
from tests.chaos.load import Load
from tests.chaos.storm import Report, storm
from tests.chaos.system import Backends, running_system
from tests.fixtures.rabbitmq_server import RabbitMQServer, find_script
from tests.fixtures.s3 import S3Service, moto_server


def main() -> int:
    parser = argparse.ArgumentParser(description="Random kills and cuts under a stream of submissions.")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--rate", type=float, default=5.0, help="submissions a second")
    parser.add_argument("--embedded", action="store_true", help="Postgres and a folder instead of RabbitMQ and S3")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        backends = Backends()
        if not chosen.embedded:
            script = find_script()
            if script is None:
                parser.error("RabbitMQ is not installed: install it, or say --embedded")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="precieux-chaos-rabbitmq-")))
            rabbitmq = stack.enter_context(RabbitMQServer(folder, script))
            backends = Backends(rabbitmq, S3Service(stack.enter_context(moto_server()), "test", "test-secret"))
        # The mail's lease is the default: a dead sender is noticed after a minute.
        system = stack.enter_context(running_system(backends, mail_lease=None))
        report = storm(
            system,
            menu(system),
            stack.enter_context(Load(system.url)),
            seconds=chosen.minutes * 60,
            seed=chosen.seed,
            rate=chosen.rate,
            drain_timeout=300,
            tell=lambda line: print(line, flush=True),
        )
        show(report)
        return 0 if report.verdict and not report.verdict.violations and not report.overdue else 1


def show(report: Report) -> None:
    verdict = report.verdict
    assert verdict is not None
    seconds = verdict.seconds or [0.0]
    print(f"\n{'fault':36}times")
    for name, times in report.faults.most_common():
        print(f"{name:36}{times:5}")
    rows = {
        "installation": report.backends,
        "seed": report.seed,
        "storm": f"{report.seconds:.0f} s",
        "faults": report.faults.total(),
        "deaths of services": report.deaths,
        "accepted submissions": verdict.accepted,
        "lost": verdict.lost,
        "double jobs or results": verdict.doubled,
        "missing mails": verdict.missing_mails,
        "repeated mails (same Message-ID)": verdict.repeats,
        "failed after two interruptions": verdict.culprits,
        "accepted to result, median": f"{seconds[len(seconds) // 2]:.2f} s",
        "accepted to result, 99th percentile": f"{seconds[int(len(seconds) * 0.99)]:.1f} s",
        "accepted to result, longest": f"{seconds[-1]:.1f} s",
        "last fault to last mail": f"{report.drain_s:.1f} s",
    }
    print()
    for name, value in rows.items():
        print(f"{name:36}{value}")
    for violation in (*verdict.violations[:20], *report.overdue):
        print(f"VIOLATION: {violation}")


if __name__ == "__main__":
    sys.exit(main())
