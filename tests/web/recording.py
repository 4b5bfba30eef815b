"""`make screenshots` writes `docs/images/demo.svg` too: what `precieux demo` shows on a terminal, as it comes."""

import fcntl
import os
import pty
import struct
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

import pyte
from pyte.screens import Char

_FILE: Final = Path(__file__).parents[2] / "docs/images/demo.svg"
_COLUMNS: Final = 100
#: Lines that are seen at once. The screen of the emulator is as high as all that is printed.
_ROWS: Final = 30
_MAX_ROWS: Final = 400
#: A wait is shown as this at most, even if something turns meanwhile: the first sign of its line. A frame of that lasts
#: this long at least.
_MAX_WAIT_S: Final = 1.5
_FRAME_S: Final = 0.25
#: The time in which a line that comes with many others is read.
_LINE_S: Final = 0.12
#: For how long the end is shown.
_END_S: Final = 6.0
#: pyte drops the rest of a line after a sign without width, unless it is a combining one.
_NON_JOINER: Final = "\u200c"
_COMBINING: Final = "\u0315"
_WIDTH, _HEIGHT, _FONT_SIZE, _MARGIN = 8.43, 19, 14, 16
_COLOURS: Final = {
    "red": "#ff7b72",
    "green": "#7ee787",
    "brown": "#e3b341",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#76e3ea",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was from one moment to another, in seconds. `row` counts from the first of all lines."""

    row: int
    cells: tuple[Char, ...]
    begin: float
    end: float = float("inf")


def record(command: list[str]) -> Iterator[tuple[float, bytes]]:
    """Yield what a command writes on a terminal, each piece with its second. Raise RuntimeError if it fails."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(_COLUMNS), LINES=str(_ROWS))
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    began = time.monotonic()
    try:
        while piece := os.read(terminal, 1 << 16):
            yield time.monotonic() - began, piece
    except OSError:
        pass  # so ends a terminal whose last program has ended
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
        raise RuntimeError(f"{command} failed")


def lines_of(pieces: Iterator[tuple[float, bytes]]) -> list[Line]:
    """Return each line that was shown, in the order of its beginning. Waits and what turns are shortened."""
    screen = pyte.Screen(_COLUMNS, _MAX_ROWS)
    stream = pyte.ByteStream(screen)
    shown: dict[int, Line] = {}
    lines: list[Line] = []
    now = seen = changed = 0.0
    for second, piece in pieces:
        stream.feed(piece.replace(_NON_JOINER.encode(), _COMBINING.encode()))
        now = min(now + second - seen, changed + _MAX_WAIT_S)
        seen = second
        for row in sorted(screen.dirty):
            cells = tuple(screen.buffer[row][column] for column in range(_COLUMNS))
            before = shown.pop(row, None)
            turns = before is not None and before.cells[1:] == cells[1:]
            if before and turns and (before.cells == cells or now - before.begin < _FRAME_S):
                shown[row] = before
                continue
            if before:
                lines.append(Line(row, before.cells, before.begin, now))
            if any(cell.data.strip() for cell in cells):
                now += 0 if before else _LINE_S
                shown[row] = Line(row, cells, now)
            changed = changed if turns else now
        screen.dirty.clear()
    return sorted([*lines, *shown.values()], key=lambda line: line.begin)


def drawn(lines: Sequence[Line]) -> str:
    """Return an SVG that shows the lines one after the other, scrolls as a terminal does, and then begins again."""
    end = max(line.begin for line in lines) + _END_S
    width, height = _COLUMNS * _WIDTH + 2 * _MARGIN, _ROWS * _HEIGHT + 2 * _MARGIN
    tops = [(0.0, 0)]
    for line in lines:
        if (top := line.row - _ROWS + 1) > tops[-1][1]:
            tops.append((line.begin, top))
    scrolls = ";".join(f"0 {-top * _HEIGHT}" for _, top in tops)
    moments = ";".join(f"{begin / end:.4f}" for begin, _ in tops)
    always = f'dur="{end:.1f}s" repeatCount="indefinite" calcMode="discrete"'
    texts = "\n".join(_text(line, end, always) for line in lines)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" \
height="{height}" role="img" aria-label="make demo runs ten programs and prints two mails">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<svg x="{_MARGIN}" y="{_MARGIN}" width="{_COLUMNS * _WIDTH:.0f}" height="{_ROWS * _HEIGHT}">
<g font-family="ui-monospace, monospace" font-size="{_FONT_SIZE}" fill="#e6edf3" style="white-space: pre">
<animateTransform attributeName="transform" type="translate" values="{scrolls}" keyTimes="{moments}" {always}/>
{texts}
</g></svg></svg>
"""


def _text(line: Line, end: float, always: str) -> str:
    """Return a line as an element that is visible from its beginning to its end."""
    words = []
    for (colour, bold), cells in groupby(enumerate(line.cells), key=lambda cell: (cell[1].fg, cell[1].bold)):
        run = list(cells)
        # The second cell of a wide character is empty.
        text = "".join(cell.data for _, cell in run).replace(_COMBINING, _NON_JOINER)
        if text.strip():
            looks = "" if colour == "default" else f' fill="{_COLOURS.get(colour, f"#{colour}")}"'
            looks += ' font-weight="bold"' if bold else ""
            words.append(f'<tspan x="{run[0][0] * _WIDTH:.2f}"{looks}>{escape(text.rstrip())}</tspan>')
    values, moments = "hidden;visible", f"0;{line.begin / end:.4f}"
    if line.end < end:
        values, moments = f"{values};hidden", f"{moments};{line.end / end:.4f}"
    animation = f'<animate attributeName="visibility" values="{values}" keyTimes="{moments}" {always}/>'
    return f'<text y="{(line.row + 0.8) * _HEIGHT:.1f}">{"".join(words)}{animation}</text>'


def main() -> None:
    """Record the demo, and write the picture."""
    _FILE.write_text(drawn(lines_of(record([sys.executable, "-P", "-m", "precieux", "demo"]))))


if __name__ == "__main__":
    main()
