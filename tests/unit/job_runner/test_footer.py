from dataclasses import replace
from html.parser import HTMLParser

from tabulate import tabulate

from job_runner.emails.mailers.base import Email
from job_runner.emails.texts.footer import Footer
from tests.factories import make_email

SENDER = "Precieux <results@example.com>"
LINK = "http://api/unsubscribe?email=a%40example.com&signature=s"


def with_footer(footer: Footer, *, text: str = "Hi,\n\nRegards,\n\nPrecieux\n") -> Email:
    email = make_email(text=text, html="<body><p>12</p><!--footer--></body></html>")
    return footer.add_to(replace(email, unsubscribe=LINK))


class Links(HTMLParser):
    """Collects the text below the mail and the targets of its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.shown = ""
        self.targets: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.targets.append(dict(attrs)["href"])

    def handle_data(self, data: str) -> None:
        self.shown += data


def test_both_parts_end_with_sender_contact_and_unsubscribe_link() -> None:
    contact = "abuse@example.com"
    email = with_footer(Footer(SENDER, contact))
    html = Links(email.html)
    assert email.text.startswith("Hi,\n\nsent by: ")
    assert email.text.endswith(f"{LINK}\n\nRegards,\n\nPrecieux")
    assert email.html.startswith("<body><p>12</p><p ")
    assert email.html.endswith("</p>\n</body></html>")
    assert "your address as the recipient" in " ".join(email.text.split())
    assert f"complaints: {contact}" in " ".join(email.text.split())
    assert f"{SENDER} sent you this mail because someone" in html.shown
    assert f"Complaints: {contact}" in html.shown
    assert f"\nsent by:              {SENDER}, because" in email.text
    assert f"\nunsubscribe:          {LINK}\n" in email.text
    assert html.targets == [f"mailto:{contact}", LINK]


def test_the_footer_is_in_the_table_of_the_text() -> None:
    table = tabulate([("Response from codeX:", ""), ("output:", "12")], tablefmt="plain")
    ours = [("complaints:", "abuse@example.com"), ("unsubscribe:", LINK)]
    expected = tabulate([("Response from codeX:", ""), ("output:", "12"), *ours], tablefmt="plain")
    text = with_footer(Footer(SENDER, "abuse@example.com"), text=f"Hi,\n\n{table}\n\nRegards,\n\nPrecieux\n").text
    without_sender = [line for line in text.splitlines() if not line.startswith("sent by:")]
    assert without_sender == ["Hi,", "", *expected.splitlines(), "", "Regards,", "", "Precieux"]


def test_a_text_with_another_end_gets_the_footer_below() -> None:
    text = with_footer(Footer(SENDER, "abuse@example.com"), text="Other words.\n").text
    assert text == (
        f"Other words.\n\n-- \n{SENDER} sent you this mail because someone submitted a program and gave your address"
        f" for its result.\nComplaints: abuse@example.com\nStop these mails: {LINK}\n"
    )


def test_the_footer_is_in_the_mails_language() -> None:
    email = replace(make_email(text="متن\n", html="<body><!--footer--></body>"), unsubscribe=LINK, locale="fa")
    sent = Footer(SENDER, "abuse@example.com").add_to(email)
    assert "لغو دریافت این ایمیل‌ها" in sent.text
    assert 'lang="fa" dir="rtl"' in sent.html


def test_the_senders_name_does_not_become_markup() -> None:
    assert "<b>" not in with_footer(Footer("<b>x</b> <a@example.com>", "a@example.com")).html
