"""`python -m tests.prometheus_rule` writes the rules of Prometheus as an object of Kubernetes, for its operator."""

from pathlib import Path
from textwrap import indent
from typing import Final

_ROOT: Final = Path(__file__).parent.parent
RULES: Final = _ROOT / "deploy/prometheus/alerts.yml"
OBJECT: Final = _ROOT / "deploy/kubernetes/prometheus/prometheus-rule.yaml"
_HEAD: Final = """\
# The rules of deploy/prometheus/alerts.yml. `python -m tests.prometheus_rule` writes this file.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: precieux
  namespace: precieux
  # kube-prometheus-stack reads only what has the name of its Helm release in this label.
  labels: {release: kube-prometheus-stack}
spec:
"""


def rendered() -> str:
    _, groups, rules = RULES.read_text().partition("groups:\n")
    return _HEAD + indent(groups + rules, "  ")


if __name__ == "__main__":
    OBJECT.write_text(rendered())
