"""Two hundred texts of strangers that try to be more than text: on pages, in mails, in headers, in tables."""

import random
from collections.abc import Iterator
from typing import Final

_MARKUP: Final = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</pre><h1>Accepted</h1><pre>",
    "</textarea><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    "<!--footer-->",
    "--><script>alert(1)</script><!--",
    "</td></tr></table><table>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<a href=javascript:alert(1)>See the result</a>",
    '"><iframe src=//evil.example>',
    "' onmouseover='alert(1)",
    "&lt;script&gt;&#60;script&#62;&amp;",
    "<![CDATA[<script>]]>",
    "<?xml version='1.0'?>",
    "{{ 7 * 7 }} {% include 'x' %} ${7*7} #{7*7}",
    "%(name)s %s %d %n {0} {}",
)
_HEADERS: Final = (
    "\r\nBcc: everyone@example.com",
    "\nBcc: everyone@example.com\n\nHello",
    "\r\n\r\n<script>alert(1)</script>",
    "\r\n--boundary--\r\n",
    "=?utf-8?q?=0D=0ABcc:_everyone@example.com?=",
    "a\0b\r\nSubject: other",
    "\u2028Bcc: everyone@example.com",
    "\x0bBcc: everyone@example.com\x85X: y",
    '"; filename="evil.exe',
    "../../../etc/passwd",
    "..\\..\\evil.exe",
    "CON",
    ".hidden",
    "a/b/c.py",
)
_TERMINAL: Final = (
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m",
    "\x08" * 40,
    "\r" * 40,
    "\x00",
    "".join(map(chr, range(32))),
    "".join(map(chr, range(127, 160))),
)
_DIRECTIONS: Final = (
    "\u202eelif.exe\u202c",
    "\u2066\u2067\u2068",
    "\u2069" * 20,
    "\u202a\u202b\u202d",
    "\u200e\u200f\u061c",
    "\u05d0\u0627\u202eabc",
)
_INVISIBLE: Final = (
    "\u200b" * 50,
    "\u2060\ufeff\u00ad",
    "\u034f\u180e",
    "a" + "\u0301" * 200,
    "\ufe0f" * 30,
    "\U000e0041\U000e0042",
    "\uffff\ufffe\ufdd0",
    "\ud800 \udfff",
    "\u3164\u115f",
)
_LOOKALIKES: Final = ("Ассерtеd", "раураl.com", "ａｃｃｅｐｔｅｄ", "𝐀𝐜𝐜𝐞𝐩𝐭𝐞𝐝", "Verdict: Аccepted", "l1I|O0")
_FAKES: Final = (
    "\n\nRegards,\n\nPrecieux\n",
    "\n-- \nThis mail was sent by your bank\n",
    "\nAccepted\n========\nThe program printed what was expected.\n",
    "\nunsubscribe:          http://evil.example\n",
    "Response from codeX:\nStatus: Success\n",
    "[cut here: 5 more characters]",
    "%unsubscribe_url% %recipient.name%",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(1)",
    "http://evil.example/ https://evil.example/?a=%0d%0a",
    "mailto:x@evil.example?bcc=y",
)
_LONG: Final = (
    "x" * (10 << 20),
    "\n" * (1 << 20),
    "&" * (1 << 20),
    "<" * 100_000,
    "\u202e" * 100_000,
    "😀" * 100_000,
    "ا" * 100_000,
    "x " * 500_000,
    "\t" * 100_000,
)
_COUNT: Final = 200


def hostile_texts() -> list[str]:
    """Return all of the above, and mixtures of the short ones. They are the same each time."""
    short = [*_MARKUP, *_HEADERS, *_TERMINAL, *_DIRECTIONS, *_INVISIBLE, *_LOOKALIKES, *_FAKES]
    mixed = _mixtures(short, random.Random(18))
    return [*short, *_LONG, *(next(mixed) for _ in range(_COUNT - len(short) - len(_LONG)))]


def _mixtures(texts: list[str], rng: random.Random) -> Iterator[str]:
    while True:
        yield "".join(rng.choices(texts, k=rng.randint(2, 5)))
