from html.parser import HTMLParser

import pytest
from tabulate import tabulate

from job_runner.emails.foot import Foot
from job_runner.mailers.base import Email
from tests.factories import make_email

SENDER = "Precieux <results@example.com>"
WAY_OUT = "http://api/unsubscribe?email=a%40example.com&signature=s"


def with_foot(
    foot: Foot, *, text: str = "Hi,\n\nRegards,\n\nPrecieux\n", html: str = "<body><p>12</p></body></html>"
) -> Email:
    email = make_email(text=text, html=html)
    return foot.below(Email(email.recipient, email.subject, text, html, email.message_id, unsubscribe=WAY_OUT))


class Links(HTMLParser):
    """What a reader sees below the mail, and where the links lead."""

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


@pytest.mark.parametrize(
    ("contact", "target"),
    [
        ("abuse@example.com", "mailto:abuse@example.com"),
        ("https://example.com/abuse?a=1&b=2", "https://example.com/abuse?a=1&b=2"),
    ],
)
def test_both_parts_name_sender_complaints_and_unsubscribing(contact: str, target: str) -> None:
    email = with_foot(Foot(SENDER, contact))
    html = Links(email.html)
    for part in (" ".join(email.text.split()), html.shown.replace("Complaints", "complaints")):
        assert "your address as the recipient" in part
        assert f"complaints: {contact}" in part
    assert f"sent by {SENDER}" in html.shown
    assert f"\nsent by:              {SENDER}, because" in email.text
    assert f"\nunsubscribe:          {WAY_OUT}\n" in email.text
    assert html.targets == [target, WAY_OUT]


def test_in_the_text_the_foot_is_rows_of_the_table() -> None:
    table = tabulate([("Response from codeX:", ""), ("output:", "12")], tablefmt="plain")
    ours = [("complaints:", "abuse@example.com"), ("unsubscribe:", WAY_OUT)]
    expected = tabulate([("Response from codeX:", ""), ("output:", "12"), *ours], tablefmt="plain")
    text = with_foot(Foot(SENDER, "abuse@example.com"), text=f"Hi,\n\n{table}\n\nRegards,\n\nPrecieux\n").text
    without_sender = [line for line in text.splitlines() if not line.startswith("sent by:")]
    assert without_sender == ["Hi,", "", *expected.splitlines(), "", "Regards,", "", "Precieux"]


def test_a_text_with_another_end_is_kept() -> None:
    text = with_foot(Foot(SENDER, "abuse@example.com"), text="Other words.\n").text
    assert text.startswith("Other words.\n\nsent by: ")
    assert text.endswith(f"{WAY_OUT}\n")


def test_the_foot_stands_below_all_else() -> None:
    email = with_foot(Foot(SENDER, "abuse@example.com"))
    assert email.text.startswith("Hi,\n\nsent by: ")
    assert email.text.endswith(f"{WAY_OUT}\n\nRegards,\n\nPrecieux\n")
    assert email.html.startswith("<body><p>12</p><p ")
    assert email.html.endswith("</p>\n</body></html>")


def test_the_foot_is_no_markup_of_the_senders_name() -> None:
    assert "<b>" not in with_foot(Foot("<b>x</b> <a@example.com>", "a@example.com")).html
