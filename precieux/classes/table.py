"""A CSV file whose cells can be replaced while every other byte stays as it came."""

import codecs
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from precieux.errors import UsageError

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class TableRow:
    """The cells of a row, where each begins and ends in the text, and the line of the row."""

    line: int
    cells: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


class Table:
    """The rows of a CSV file, the empty ones left out. Raises `UsageError` for a file that is none."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self._encoding, self._text = _decoded(name, data)
        first = re.sub(r'"[^"]*"', "", _LINE_END.split(self._text, maxsplit=1)[0])
        self.separator = max(",;\t", key=first.count)
        rows = self._rows()
        if not rows or not any(cell.strip() for cell in rows[0].cells):
            raise _no_csv(name)
        self.head, self.rows = [cell.strip() for cell in rows[0].cells], rows[1:]
        self._first = rows[0]

    def edited(self, cells: Mapping[tuple[int, int], str], added: Sequence[str], kept: Container[int]) -> bytes:
        """Return the file with other cells, by their rows and columns. The columns beyond the heading are new.

        They are `added` to all rows but those that are `kept`.
        """
        changes = []
        width = len(self.head)
        for (number, column), text in cells.items():
            if column < width:
                changes.append((*self.rows[number].spans[column], self._quoted(text)))
        ends = [(self._first, list(added))]
        for number, row in enumerate(self.rows):
            if number not in kept:
                ends.append((row, [cells.get((number, width + place), "") for place in range(len(added))]))
        for row, texts in ends if added else ():
            end = row.spans[-1][1]
            changes.append((end, end, "".join(f"{self.separator}{self._quoted(text)}" for text in texts)))
        pieces, position = [], 0
        for start, end, text in sorted(changes):
            pieces += [self._text[position:start], text]
            position = end
        pieces.append(self._text[position:])
        return "".join(pieces).encode(self._encoding, "surrogateescape")

    def _rows(self) -> list[TableRow]:
        """Return the rows that are not empty."""
        bare = re.compile(rf"[^{self.separator}\r\n]*")
        quoted = re.compile(rf'"((?:[^"]|"")*)"([^{self.separator}\r\n]*)')
        rows, line, position = [], 1, int(self._text.startswith(_MARK))
        while position < len(self._text):
            start, cells, spans = position, [], []
            while True:
                is_quoted = self._text.startswith('"', position)
                match = (quoted if is_quoted else bare).match(self._text, position)
                if match is None:
                    raise UsageError(f"{self.name}, line {line}: the quote is not closed.")
                cells.append(match[1].replace('""', '"') + match[2] if is_quoted else match[0])
                spans.append(match.span())
                position = match.end() + 1
                if not self._text.startswith(self.separator, match.end()):
                    break
            if cells != [""]:
                rows.append(TableRow(line, tuple(cells), tuple(spans)))
            position += self._text.startswith("\r\n", match.end())
            line += len(_LINE_END.findall(self._text, start, position))
        return rows

    def _quoted(self, text: str) -> str:
        """Return a cell as the file has it: quoted if it needs to be, in characters of the file's encoding."""
        text = text.encode(self._encoding, "replace").decode(self._encoding)
        needs = any(character in text for character in f'"\r\n{self.separator}') or text != text.strip()
        return '"{}"'.format(text.replace('"', '""')) if needs else text


def _decoded(name: str, data: bytes) -> tuple[str, str]:
    """Return the encoding of a file, and its text."""
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if data.startswith(b"PK") or (b"\0" in data and not is_wide):
        raise _no_csv(name)
    wide = "utf-16-le" if data.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    encoding = wide if is_wide else "utf-8"
    try:
        return encoding, data.decode(encoding)
    except UnicodeDecodeError:
        if is_wide:
            raise _no_csv(name) from None
    return "cp1252", data.decode("cp1252", "surrogateescape")


def _no_csv(name: str) -> UsageError:
    return UsageError(f"{name} is no CSV: save it as CSV (UTF-8).")
