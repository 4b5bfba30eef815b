"""The words of the original's mail between which the footer is added. They must not change."""

from typing import Final

#: The first row of the table, and the end of every mail's text.
FIRST_ROW: Final = "Response from codeX:"
REGARDS: Final = "Regards,\n\nPrecieux\n"
