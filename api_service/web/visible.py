"""Shows texts of strangers. Characters that a reader cannot see, or that would turn others around, become marks.

`api_service/web/static/visible.js` does the same in the browser.
"""

import re
from typing import Final

from markupsafe import Markup

#: C0 and C1 controls but for tab and newline; marks of direction; spaces and joiners without a width; separators of
#: lines; annotations; tags. U+200C and U+200D stay: Persian is spelled with the one, emoji are joined by the other.
HIDDEN: Final = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> Markup:
    """Return the HTML that shows a text: all of it is escaped, and each hidden character has a mark."""
    escaped = str(Markup.escape(text.replace("\r\n", "\n")))
    return Markup(HIDDEN.sub(lambda match: f'<span class="control">U+{ord(match[0]):04X}</span>', escaped))  # noqa: S704  (it is escaped above)
