"""The dashboard and the alerts use metrics that exist."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from shared.common.service import metrics
from tests import prometheus_rule
from tests.fixtures.gate import missing

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


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\bprecieux_\w+", text))


def test_every_panel_and_alert_uses_existing_metrics() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/precieux.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    used = metrics_in(" ".join(expressions))
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    used |= metrics_in(" ".join(re.findall(r"expr: (.*)", alerts)))
    assert used <= exported()
    # And every metric is used.
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported()}
    assert bare == {re.sub(r"_(bucket|count|sum)$", "", name) for name in used}


def test_every_alert_is_explained_to_the_operator() -> None:
    alerts = re.findall(r"alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text())
    manual = (ROOT / "docs/operations.md").read_text()
    assert [alert for alert in alerts if alert not in manual] == []


def test_each_fault_of_the_cluster_raises_its_alert() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        missing("promtool", "`apt-get install promtool`.")
    cases = Path(__file__).parent / "alerts/faults.yml"
    done = subprocess.run([promtool, "test", "rules", cases], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_counters_of_alerts_are_there_before_an_event() -> None:
    """Else Prometheus sees its first event as its beginning, and not as an increase."""
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    counters = re.findall(r"increase\((\w+)(\{[^}]*\})?\[", alerts)
    assert len(counters) > 4
    fresh = (
        "from prometheus_client import generate_latest; from shared.common.service.lifecycle import restarting;"
        " restarting('sender', None); print(generate_latest().decode())"
    )
    shown = subprocess.run([sys.executable, "-c", fresh], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name, labels in counters:
        sample = re.escape(labels) if labels else r"(\{.*\})?"
        assert re.search(rf"^{name}{sample} 0\.0$", shown, re.MULTILINE), name


def test_kubernetes_has_the_same_rules() -> None:
    assert prometheus_rule.OBJECT.read_text() == prometheus_rule.rendered(), "run `python -m tests.prometheus_rule`"
