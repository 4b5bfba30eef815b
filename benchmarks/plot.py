"""Draws the findings as an SVG picture: rates and memory."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.svg import BAR, bars, lines, picture, text


def draw(kept: Mapping[str, Any]) -> str:
    """Return the picture of one record (`benchmarks.report.record`)."""
    findings = kept["findings"]
    rates = _rates(findings)
    curves = {
        finding["measure"].removeprefix("memory of "): finding["details"]["mebibytes"]
        for finding in findings
        if "mebibytes" in finding["details"]
    }
    top = 60 + BAR * len(rates)
    height = top + (260 if curves else 20)
    parts = [text(20, 28, "Submissions a second", bold=True)]
    parts += bars(rates, 44, muted="original")
    if curves:
        step = next(f["details"]["every"] for f in findings if "mebibytes" in f["details"])
        parts.append(text(20, top + 28, f"Memory (MiB) over submissions, every {step:,}", bold=True))
        parts += lines(curves, top + 44, 170)
    return picture(height, parts)


def _rates(findings: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    rates: dict[str, float] = {}
    for finding in findings:
        details = finding["details"]
        for side, loads in details.items():
            if isinstance(loads, list) and loads and isinstance(loads[0], dict) and "rate" in loads[0]:
                name = "the original's service 1" if side == "original" else f"API: {side}"
                rates.setdefault(name, median(load["rate"] for load in loads))
        if "carried" in details:
            rates["API alone: rabbitmq, folder"] = median(details["accepted"])
            rates["API to mail: rabbitmq, folder"] = median(details["carried"])
    return dict(sorted(rates.items(), key=lambda item: item[1]))
