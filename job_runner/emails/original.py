"""Words of the original's mail, to the letter, by which the foot finds its place in a text."""

from typing import Final

#: The first row of the table, and the end of every mail's text.
FIRST_ROW: Final = "Response from codeX:"
REGARDS: Final = "Regards,\n\nPrecieux\n"
