"""The findings as an SVG picture: rates and memory. No library, no script, no font of its own."""

from collections.abc import Mapping, Sequence
from html import escape
from statistics import median
from typing import Any, Final

_WIDTH: Final = 760
_BAR: Final = 26
_LEFT: Final = 250
_COLOURS: Final = ("#8a8f98", "#2f6fde", "#1d9a6c", "#c26a1b")
_HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif"'
    ' font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
)


def draw(kept: Mapping[str, Any]) -> str:
    """The picture of one record (`benchmarks.report.record`)."""
    findings = kept["findings"]
    rates = _rates(findings)
    curves = {
        finding["measure"].removeprefix("memory of "): finding["details"]["mebibytes"]
        for finding in findings
        if "mebibytes" in finding["details"]
    }
    top = 60 + _BAR * len(rates)
    height = top + (260 if curves else 20)
    parts = [_HEAD.format(width=_WIDTH, height=height), _text(20, 28, "Submissions a second", bold=True)]
    parts += _bars(rates, 44)
    if curves:
        step = next(f["details"]["every"] for f in findings if "mebibytes" in f["details"])
        parts.append(_text(20, top + 28, f"Memory (MiB) over submissions, every {step:,}", bold=True))
        parts += _lines(curves, top + 44, 170)
    return "\n".join([*parts, "</svg>\n"])


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


def _bars(values: Mapping[str, float], top: int) -> list[str]:
    scale = (_WIDTH - _LEFT - 80) / max(values.values(), default=1)
    parts: list[str] = []
    for place, (name, value) in enumerate(values.items()):
        y = top + place * _BAR
        colour = _COLOURS[0] if "original" in name else _COLOURS[1]
        parts.append(_text(_LEFT - 10, y + 15, name, end=True))
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="{value * scale:.1f}" height="{_BAR - 8}" fill="{colour}"/>')
        parts.append(_text(round(_LEFT + value * scale + 6), y + 15, f"{value:.0f}"))
    return parts


def _lines(curves: Mapping[str, Sequence[float]], top: int, height: int) -> list[str]:
    highest = 1.15 * max(max(values) for values in curves.values())
    width = _WIDTH - 80 - 140
    parts = [f'<path d="M60 {top}V{top + height}H{60 + width}" fill="none" stroke="#444"/>']
    parts += [_text(54, top + 10, f"{highest:.0f}", end=True), _text(54, top + height, "0", end=True)]
    ends: list[tuple[float, str, str]] = []
    for colour, (name, values) in zip(_COLOURS[1:], curves.items(), strict=False):
        points = [
            (60 + width * place / max(1, len(values) - 1), top + height - height * value / highest)
            for place, value in enumerate(values)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        ends.append((points[-1][1] + 4, name, colour))
    free = 0.0
    for y, name, colour in sorted(ends):
        free = max(y, free)  # of the names that came before
        parts.append(_text(68 + width, round(free), name, colour=colour))
        free += 16
    return parts


def _text(x: int, y: int, text: str, *, end: bool = False, bold: bool = False, colour: str = "#222") -> str:
    extra = (' text-anchor="end"' if end else "") + (' font-weight="600"' if bold else "")
    return f'<text x="{x}" y="{y}" fill="{colour}"{extra}>{escape(text)}</text>'
