"""The mail about a batch: a table of its submissions, safe to read."""

import pytest

from job_runner.emails.digest import Line, render_digest
from job_runner.emails.footer import Footer
from job_runner.emails.render import RenderedEmail
from job_runner.mailers.base import Email

PAGE = "https://judge.example.edu/pages/1?signature=x&expires=2"
GOOD = Line(1, "main.py", "py", "accepted", PAGE, 3, 3)
BAD = Line(22, "src/main.cpp", "cpp", "wrong_answer", PAGE, 3, 1.5)


def rendered(*lines: Line, locale: str = "en", recipient: str = "A@example.com") -> RenderedEmail:
    return render_digest(5, lines, recipient=recipient, locale=locale, domain="example.com")


def test_the_text_is_a_table() -> None:
    assert rendered(GOOD, BAD).text == (
        "Hi,\n\n"
        "All submissions of batch 5 have ended. Yours are below: 2, of which 1 ended well.\n\n"
        "Request    File          Language    Result        Points    Page\n"
        f"1          main.py       py          accepted      3 / 3     {PAGE}\n"
        f"22         src/main.cpp  cpp         wrong answer  1.5 / 3   {PAGE}\n\n"
        "The pages show the output. Their links work for a week.\n\n"
        "Regards,\n\nPrecieux\n"
    )


def test_there_is_no_column_of_points_without_tests() -> None:
    mail = rendered(Line(1, "main.py", "py", "ok", PAGE), Line(2, "main.py", "py", "cancelled", PAGE))
    assert "Points" not in mail.text + mail.html
    assert "cancelled" in mail.text


def test_each_submission_has_a_link_to_its_page() -> None:
    assert 'href="https://judge.example.edu/pages/1?signature=x&amp;expires=2"' in rendered(GOOD).html


def test_the_subject_names_the_batch_and_no_file() -> None:
    assert rendered(Line(1, "a\r\nBcc: x@example.com", "py", "ok", PAGE)).subject == "Results of batch 5"


def test_a_hostile_name_of_a_file_stays_text() -> None:
    mail = rendered(Line(1, "<img src=x>\x1b[2J\n" + "x" * 300, "py", "ok", PAGE))
    assert "<img" not in mail.html
    assert "\x1b" not in mail.text + mail.html
    assert len(mail.text.splitlines()) == 12
    assert "x" * 100 not in mail.text


def test_an_address_has_one_message_id_for_a_batch() -> None:
    assert rendered(GOOD).message_id == rendered(BAD, recipient="a@EXAMPLE.com").message_id
    assert rendered(GOOD).message_id != rendered(GOOD, recipient="b@example.com").message_id


def test_persian_reads_from_right_to_left() -> None:
    mail = rendered(GOOD, locale="fa")
    assert 'lang="fa" dir="rtl"' in mail.html
    assert "دستهٔ 5" in mail.subject
    assert rendered(GOOD, locale="xx").subject == "Results of batch 5"


@pytest.mark.parametrize("locale", ["en", "fa"])
def test_the_footer_is_in_both_parts(locale: str) -> None:
    mail = rendered(GOOD, locale=locale)
    email = Email("a@example.com", mail.subject, mail.text, mail.html, mail.message_id, unsubscribe="http://un/sub")
    sent = Footer(sender="Precieux", contact="abuse@example.com").add_to(email)
    assert "http://un/sub" in sent.text
    assert sent.html.index("http://un/sub") < sent.html.index("</body>")
