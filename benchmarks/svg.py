"""The shapes of our SVG pictures: bars, curves and text."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

WIDTH: Final = 760
BAR: Final = 26
COLOURS: Final = ("#8a8f98", "#2f6fde", "#1d9a6c", "#c26a1b", "#8e44ad", "#b03a48")
_HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif"'
    ' font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
)


def picture(height: int, parts: Sequence[str]) -> str:
    return "\n".join([_HEAD.format(width=WIDTH, height=height), *parts, "</svg>\n"])


def bars(values: Mapping[str, float], top: int, muted: str, form: str = ".0f", left: int = 250) -> list[str]:
    """Return bars, one below the other. Those with `muted` in their names are grey. `form` formats their values.

    The bars begin at `left`, and their names end there.
    """
    scale = (WIDTH - left - 80) / max(values.values(), default=1)
    parts: list[str] = []
    for place, (name, value) in enumerate(values.items()):
        y = top + place * BAR
        colour = COLOURS[0] if muted in name else COLOURS[1]
        parts.append(text(left - 10, y + 15, name, end=True))
        parts.append(f'<rect x="{left}" y="{y}" width="{value * scale:.1f}" height="{BAR - 8}" fill="{colour}"/>')
        parts.append(text(round(left + value * scale + 6), y + 15, f"{value:{form}}"))
    return parts


def lines(curves: Mapping[str, Sequence[float]], top: int, height: int) -> list[str]:
    highest = 1.15 * max(max(values) for values in curves.values())
    width = WIDTH - 80 - 140
    parts = [f'<path d="M60 {top}V{top + height}H{60 + width}" fill="none" stroke="#444"/>']
    parts += [text(54, top + 10, f"{highest:.0f}", end=True), text(54, top + height, "0", end=True)]
    ends: list[tuple[float, str, str]] = []
    for colour, (name, values) in zip(COLOURS[1:], curves.items(), strict=False):
        points = [
            (60 + width * place / max(1, len(values) - 1), top + height - height * value / highest)
            for place, value in enumerate(values)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        ends.append((points[-1][1] + 4, name, colour))
    free = 0.0
    for y, name, colour in sorted(ends):
        free = max(y, free)  # below the previous names
        parts.append(text(68 + width, round(free), name, colour=colour))
        free += 16
    return parts


def text(x: int, y: int, words: str, *, end: bool = False, bold: bool = False, colour: str = "#222") -> str:
    extra = (' text-anchor="end"' if end else "") + (' font-weight="600"' if bold else "")
    return f'<text x="{x}" y="{y}" fill="{colour}"{extra}>{escape(words)}</text>'
