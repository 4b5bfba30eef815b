"""Cells of CSV files, which a spreadsheet must not take for formulas."""

from typing import Final

#: A spreadsheet takes a cell that begins with one of these for a formula
#: (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def text_cell(text: str) -> str:
    """Return the text so that a spreadsheet shows it as it is."""
    return f"'{text}" if text.startswith(_FORMULA) else text
