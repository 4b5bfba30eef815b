"""Two hundred texts of strangers that try to be more than text: on pages, in mails, in headers, in tables."""

import random
from itertools import islice, product
from typing import Final

COUNT: Final = 200

_SCRIPTS: Final = [
    "<script>window.pwned = 1</script>", "<img src=x onerror=window.pwned=1>", "<svg onload=window.pwned=1>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>", "<a href='javascript:window.pwned=1'>click</a>",
    "<style>*{display:none}</style>", "<base href='https://evil.example/'>", "<form action=//evil.example><button>x",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<link rel=stylesheet href=//evil.example/x.css>",
    "<object data=//evil.example></object>", "<details open ontoggle=window.pwned=1>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=pwned=1>",
    "<input autofocus onfocus=window.pwned=1>", "<video><source onerror=pwned=1>", "' onmouseover='window.pwned=1",
    "</td></tr></table><table>", "</pre><h1>Accepted</h1><pre>", "</title></head><body onload=window.pwned=1>",
    "<!--footer-->", "--><script>window.pwned=1</script><!--", "&lt;script&gt;&#60;script&#62;&amp;",
    "<![CDATA[<script>]]>", "<?xml version='1.0'?>",
]  # fmt: skip
_ENDS: Final = [
    "</textarea>", "</pre>", "</script>", "</title>", "</style>", "</template>", "</noscript>", "-->", "]]>", '"',
]  # fmt: skip
_TEMPLATES: Final = [
    "{{ 7 * 7 }} {% include 'x' %}", "{% raw %}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "%(name)s {name} %s %d %n {0} {}",
    "{{ config }}", "{{ ''.__class__.__mro__ }}", "`id`", "$(id)", "%unsubscribe_url% %recipient.name%",
]  # fmt: skip
_HEADERS: Final = [
    "\r\nBcc: everyone@example.com", "\nBcc: everyone@example.com\n\nHello", "\r\n\r\n<script>window.pwned=1</script>",
    "\r\n--boundary--\r\n", "=?utf-8?q?=0D=0ABcc:_everyone@example.com?=", "a\0b\r\nSubject: other",
    "\u2028Bcc: everyone@example.com", "\x0bBcc: everyone@example.com\x85X: y", "HTTP/1.1 200 OK\r\n\r\n",
    "data: x\n\nevent: y",
]  # fmt: skip
_FILE_NAMES: Final = ['"; filename="evil.exe', "../../../etc/passwd", "..\\..\\evil.exe", "CON", ".hidden", "a/b/c.py"]
_CONTROLS: Final = [
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "\x00", "a\x00b", "\x07\x08\x08\x08", "\x7f", "\x9b31m", "\r", "line\rover", "\x0b\x0c", "\x1a", "\x85",
    "\x1b[?1049h", "\x08" * 40, "\r" * 40, "".join(map(chr, range(32))), "".join(map(chr, range(127, 160))),
]  # fmt: skip
_DIRECTIONS: Final = [
    "\u202etxt.exe", "user\u202e\u2066// admin\u2069\u2066", "\u202a\u202b\u202c\u202d", "\u2066a\u2067b\u2068c\u2069",
    "\u200e\u200f", "\u061c", "سلام \u202eabc\u202c دنیا", "\u202e" * 500, "\u2069" * 20, "\u05d0\u0627\u202eabc",
]  # fmt: skip
_INVISIBLE: Final = [
    "pay\u200bpal", "pay\u2060pal", "\ufeffBOM", "\u00adsoft", "\u180e", "\u2061\u2062\u2063\u2064", "\u206a\u206f",
    "\U000e0041\U000e0042\U000e007f", "\ufff9a\ufffab\ufffb", "line\u2028separator", "paragraph\u2029separator",
    "\u200b" * 50, "\u034f\u180e", "a" + "\u0301" * 200, "\ufe0f" * 30, "\uffff\ufffe\ufdd0", "\ud800 \udfff",
    "\u3164\u115f",
]  # fmt: skip
_LOOKALIKES: Final = [
    "раураl.com", "аdmin", "ехаmple.com", "ｇｏｏｇｌｅ", "𝐛𝐨𝐥𝐝", "Ⅷ", "ﬁ", "ß ẞ", "İı", "。example", "Ассерtеd",
    "𝐀𝐜𝐜𝐞𝐩𝐭𝐞𝐝", "Verdict: Аccepted", "l1I|O0",
]  # fmt: skip
_FAKES: Final = [
    "\n\nRegards,\n\nPrecieux\n", "\n-- \nThis mail was sent by your bank\n",
    "\nAccepted\n========\nThe program printed what was expected.\n", "\nunsubscribe:          http://evil.example\n",
    "Response from codeX:\nStatus: Success\n", "[cut here: 5 more characters]", "=cmd|' /C calc'!A0", "+1+1", "@SUM(1)",
    "http://evil.example/ https://evil.example/?a=%0d%0a", "mailto:x@evil.example?bcc=y",
]  # fmt: skip
_HEAPS: Final = [
    "ก" + "\u0e49" * 300, "Z" + "\u0301" * 2000, "ᄀ" * 3000, "👩‍👩‍👧‍👦" * 300, "\U0001f1e6" * 999, "﷽" * 200,
    "A" * 10_000_000, "A " * 500_000, "\n" * 1_000_000, "\t" * 100_000, " " * 100_000, "&" * 1_000_000, "<b>" * 100_000,
    "\u202e" * 100_000, "😀" * 100_000, "ا" * 100_000,
]  # fmt: skip
_BYTES: Final = [b"\xff\xfe\xfd", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\x80ok", bytes(range(256))]


def hostile_texts() -> list[str]:
    """Return all of the above, and mixtures of the short ones. They are the same each time."""
    short = [
        *_SCRIPTS, *_ENDS, *_TEMPLATES, *_HEADERS, *_FILE_NAMES, *_CONTROLS, *_DIRECTIONS, *_INVISIBLE, *_LOOKALIKES,
        *_FAKES,
    ]  # fmt: skip
    broken_out = [f"{end}{script}" for end, script in product(_ENDS[:5], _SCRIPTS[:3])]
    chance = random.Random(18)
    mixtures = ["".join(chance.choices(short, k=chance.randrange(2, 12))) for _ in range(COUNT)]
    return [*short, *_HEAPS, *broken_out, *mixtures][:COUNT]


def hostile_outputs() -> list[bytes]:
    """Return the texts as a program prints them, and bytes that are no text."""
    texts = (text.encode("utf-8", "surrogatepass") for text in hostile_texts())
    return [*islice(dict.fromkeys([*_BYTES, *texts]), COUNT)]
