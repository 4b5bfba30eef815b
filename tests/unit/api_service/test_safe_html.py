"""The HTML of statements: what is harmless stays, and nothing else does."""

import pytest

from api_service.web.problems.safe_html import of_html, of_markdown


def address_of(source: str) -> str | None:
    return "sealed" if source == "a.png" else None


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<script>x</script><style>x</style><title>x</title>a", "a"),
        ('<p onclick="x" style="x" class="skip" id="content">a</p>', "<p>a</p>"),
        ('<img src="a.png" alt="A" onerror="x" srcset="b.png">', '<img src="sealed" alt="A">'),
        ('<img src="https://example.com/a.png"><img src="data:image/png;base64,">', "<img><img>"),
        ('<a href="https://example.com">a</a>', '<a href="https://example.com" rel="noopener noreferrer">a</a>'),
        (
            '<a href="javascript:x">a</a><a href="/admin">b</a><a href="#x">c</a>',
            3 * '<a rel="noopener noreferrer">{}</a>',
        ),
        ('<form action="/send"><input name="key"><button>a</button></form><iframe src="/"></iframe>', "a"),
        ("<main><nav><header>a</header></nav></main>", "a"),
        ('<svg><use href="x"></use></svg><object data="x"></object><meta http-equiv="refresh">a', "a"),
        ("a\u202eb&#x202e;c&#8203;d", "abcd"),
        ('<p lang="fa" dir="rtl">a</p>', '<p lang="fa" dir="rtl">a</p>'),
    ],
)
def test_only_what_is_harmless_stays(text: str, html: str) -> None:
    assert of_html(text, address_of) == html.format(*"abc")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("# A\n\n## B", "<h2>A</h2>\n<h3>B</h3>"),
        ("### A\n\n# B\n\n###### C", "<h4>A</h4>\n<h2>B</h2>\n<h6>C</h6>"),
        ("|a|\n|-|\n|1|", "<td>1</td>"),
        ("![A](a.png)", '<img src="sealed" alt="A">'),
        ("$x$", '<math display="inline"><mrow><mi>x</mi></mrow></math>'),
        ("a $$x$$ b", '<math display="block"><mrow><mi>x</mi></mrow></math>'),
        ("costs $5 or $6", "<p>costs $5 or $6</p>"),
        ("$\\frac$", "<code>\\frac</code>"),
        (f"${'{' * 1900}$", f"<code>{'{' * 1900}</code>"),
        ("$\\href{javascript:x}{y}$ <b onclick=x>z</b>", "<b>z</b>"),
        ("$\\text{<script>x</script>}$", "<mtext></mtext>"),
        ("$a<b$", "<mo>&lt;</mo>"),
        (f"[a]: http://{'b' * 9000}\n" + "[a]" * 400, "[a][a]"),
        ("[" * 1001 + "<b>*", "[&lt;b&gt;*</pre>"),
    ],
)
def test_markdown_becomes_harmless_html(text: str, part: str) -> None:
    html = of_markdown(text, address_of)
    assert part in html
    assert "javascript" not in html
    assert len(html) < 2 * len(text) + 1000


def test_headings_do_not_count_each_other() -> None:
    """With each of them compared to all others, this takes minutes."""
    assert of_markdown("#\n" * 100_000, address_of).count("<h2>") == 100_000
