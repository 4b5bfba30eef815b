"""The dashboard and the alerts speak of metrics that exist."""

import json
import re
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from shared import metrics

ROOT = Path(__file__).parents[2]


def exported() -> set[str]:
    names: set[str] = set()
    for metric in vars(metrics).values():
        if isinstance(metric, Counter):
            names.add(metric._name + "_total")
        elif isinstance(metric, Histogram):
            names |= {metric._name + suffix for suffix in ("_bucket", "_count", "_sum")}
        elif isinstance(metric, Gauge):
            names.add(metric._name)
    return names


def spoken_of(text: str) -> set[str]:
    return set(re.findall(r"\bprecieux_\w+", text))


def test_every_panel_and_alert_asks_for_metrics_that_exist() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/precieux.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = spoken_of(" ".join(expressions))
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    asked |= spoken_of(" ".join(re.findall(r"expr: (.*)", alerts)))
    assert asked <= exported()
    # And nothing is measured that nobody looks at.
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported()}
    assert bare == {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked}


def test_every_alert_is_explained_to_the_operator() -> None:
    alerts = re.findall(r"alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text())
    manual = (ROOT / "docs/operations.md").read_text()
    assert [alert for alert in alerts if alert not in manual] == []
