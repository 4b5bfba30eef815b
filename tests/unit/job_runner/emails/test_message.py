from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from job_runner.emails.mailers.base import AttachedFile, Email
from job_runner.emails.mailers.errors import MailRefused
from job_runner.emails.mailers.files import file_name
from job_runner.emails.mailers.message import parse_recipient, write_message
from tests.factories import make_email

SENDER = Address("Precieux", "results", "example.com")
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def written(email: Email) -> EmailMessage:
    """Write the mail, and return it as the standard library reads it."""
    return message_from_bytes(write_message(email, SENDER, NOW), policy=policy.default)


def test_the_mail_has_seven_bits_and_short_lines() -> None:
    email = make_email("a@example.com", subject="سلام " * 30, text="🎉" * 2000, html="<p>" + "é" * 5000 + "</p>")
    data = write_message(email, SENDER, NOW)
    assert data.isascii()
    assert max(len(line) for line in data.split(b"\r\n")) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_lines_of_a_file_have_at_most_76_characters() -> None:
    file = AttachedFile("out.bin", "application/octet-stream", bytes(1000))
    data = write_message(replace(make_email("a@example.com"), attachments=(file,)), SENDER, NOW)
    assert max(map(len, data.partition(b"filename=")[2].split(b"\r\n"))) == 76
    [attached] = message_from_bytes(data, policy=policy.default).iter_attachments()
    assert attached.get_content() == file.data


def test_a_long_unsubscribe_address_is_written_unchanged() -> None:
    link = f"https://precieux.example.com/unsubscribe?email={'a' * 60}%40example.com&signature={'b' * 43}"
    data = write_message(replace(make_email("a@example.com"), unsubscribe=link), SENDER, NOW)
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in data


@given(subject=text, body=text)
@example(subject="a\n", body="")
@example(subject="\r", body="")
def test_hostile_text_never_becomes_a_header(subject: str, body: str) -> None:
    try:
        data = write_message(make_email("a@example.com", subject=subject, text=body), SENDER, NOW)
    except MailRefused:
        return
    read = message_from_bytes(data, policy=policy.default)
    assert not read.defects
    assert set(read.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language", "MIME-Version",
        "Content-Type",
    }  # fmt: skip
    assert read["To"] == "a@example.com"
    assert read["Date"] == "Sun, 01 Mar 2026 12:30:00 +0000"


def test_a_subject_that_is_not_plain_is_encoded_and_read_back() -> None:
    for subject in ("سلام " * 60, "tab\there", "x" * 2000, "a" + " " * 1200 + "b"):
        data = write_message(make_email("a@example.com", subject=subject), SENDER, NOW)
        assert data.isascii()
        assert max(len(line) for line in data.split(b"\r\n")) <= 998
        assert written(make_email("a@example.com", subject=subject))["Subject"] == subject


def test_headers_are_ascii_unless_the_recipient_is_not() -> None:
    data = write_message(make_email("jörg@example.com", text="سلام"), SENDER, NOW)
    lines = data.decode().split("\r\n")
    assert [line for line in lines if not line.isascii()] == ["To: jörg@example.com"]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("a@example.com", "a@example.com"),
        ("a.b+c_d@sub.example.com", "a.b+c_d@sub.example.com"),
        ('"a b"@example.com', '"a b"@example.com'),
        ("a@exämple.com", "a@xn--exmple-cua.com"),
        ("ü@example.com", "ü@example.com"),
    ],
)
def test_a_recipient_is_parsed(given: str, read: str) -> None:
    assert str(parse_recipient(given)) == read


@pytest.mark.parametrize(
    "given",
    [
        "", "@", "a@", "@example.com", "nobody", "a b@example.com", "a@example.com, b@example.com",
        "a@example.com;b@example.com", "a@example.com>", "<a@example.com>", "Name <a@example.com>", "a@b@example.com",
        "a@example..com", "a@example.com\r\nBcc: b@example.com", "a@example.com\0", "ü,b@example.com",
        "a\u2028b@example.com", "a@" + "x" * 64 + ".com", "a@ü\u2028.com", "a" * 310 + "@example.com",
    ],
)  # fmt: skip
def test_a_text_that_is_not_one_address_is_refused(given: str) -> None:
    with pytest.raises(MailRefused):
        parse_recipient(given)


@given(text)
def test_any_recipient_is_one_line_or_refused(given: str) -> None:
    try:
        recipient = parse_recipient(given)
    except MailRefused:
        return
    assert len(str(recipient).splitlines()) == 1


def test_the_file_name_is_the_message_id() -> None:
    assert file_name("<precieux.12@example.com>") == "precieux.12@example.com.eml"


@given(st.text())
def test_any_message_id_makes_a_safe_file_name(message_id: str) -> None:
    name = file_name(message_id)
    assert "/" not in name
    assert "\0" not in name
    assert len(name.encode()) <= 255


def test_message_ids_with_special_characters_stay_distinct() -> None:
    assert file_name("<a/b@example.com>") != file_name("<a_b@example.com>")
    assert file_name("<a/b@example.com>") != file_name("<a:b@example.com>")
