"""The costs of one submission, as `python -m benchmarks.costs` has measured them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

MEASURED: Final = Path(__file__).parents[1] / "results" / "costs.json"


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU time in seconds of each part for one submission, and what Postgres does and keeps for it."""

    api: float
    consumer: float
    runner: float
    #: Without the program's own time.
    executor: float
    postgres: float
    rabbitmq: float
    commits: float
    log_kib: float
    kept_kib: float

    @classmethod
    def measured(cls, path: Path = MEASURED) -> Self:
        findings = json.loads(path.read_text())["findings"]
        medians = {finding["measure"].partition(",")[0]: float(finding["ours"].split()[0]) for finding in findings}
        return cls(
            api=medians["api_service"] / 1000,
            consumer=medians["queue_consumer"] / 1000,
            runner=medians["job_runner"] / 1000,
            executor=medians["executor"] / 1000,
            postgres=medians["postgres"] / 1000,
            rabbitmq=medians["rabbitmq"] / 1000,
            commits=medians["commits"],
            log_kib=medians["KiB of log"],
            kept_kib=medians["KiB that stay"],
        )

    @property
    def together(self) -> float:
        return self.api + self.consumer + self.runner + self.executor + self.postgres + self.rabbitmq
