"""Draws the executor's figures as an SVG picture. All are ratios; the bare command is 1."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.svg import BAR, bars, lines, picture, text

_BARE: Final = "the bare command"
_CURVES: Final = 190
_LEFT: Final = 370


def draw(kept: Mapping[str, Any]) -> str:
    """Return the picture of one record (`benchmarks.report.record`)."""
    findings = kept["findings"]
    machine = kept["machine"]
    load = machine["load_average"][0]
    parts = [text(20, 24, f"{kept['date'][:10]}, {machine['cores']} cores, load average {load:g} at the start")]
    top = 34
    for kind, title in (("latency", "Elapsed time of a request"), ("CPU", "CPU time of a request")):
        if ratios := _ratios(findings, kind):
            parts.append(text(20, top + 24, f"{title}, as a share of the bare command's; less is better", bold=True))
            parts += bars(ratios | {_BARE: 1.0}, top + 40, muted=_BARE, form=".2f", left=_LEFT)
            top += 50 + BAR * (len(ratios) + 1)
    if curves := _curves(findings):
        counts = sorted({finding["details"]["connections"] for finding in _throughputs(findings)})
        title = f"Answers a second at {', '.join(map(str, counts))} connections, as multiples of two bare workers'"
        parts.append(text(20, top + 24, title, bold=True))
        parts += lines(curves, top + 40, _CURVES - 20)
        top += 40 + _CURVES
    return picture(top + 20, parts)


def _ratios(findings: Sequence[Mapping[str, Any]], kind: str) -> dict[str, float]:
    of_kind = (finding for finding in findings if finding["details"].get("kind") == kind)
    return {finding["details"]["name"]: finding["ratio"] for finding in of_kind}


def _curves(findings: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    curves: dict[str, list[float]] = {}
    for finding in _throughputs(findings):
        curves.setdefault(finding["details"]["language"], []).append(finding["ratio"])
    return curves


def _throughputs(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [finding for finding in findings if "connections" in finding["details"] and finding["ratio"] is not None]
