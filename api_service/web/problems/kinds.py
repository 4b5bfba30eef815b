"""The kinds of problem documents, for the page that their `type` leads to. It has one anchor for each kind."""

import re
from typing import Final

from markupsafe import Markup, escape

from api_service.http.errors import Kind


def _meaning(kind: Kind) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(kind.meaning))))  # noqa: S704  (it is escaped)


KINDS: Final = tuple((kind, _meaning(kind)) for kind in Kind)
