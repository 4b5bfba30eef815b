"""The mails of API v1, as a recipient reads them."""

import re
from email.message import EmailMessage
from typing import Any

import pytest

from tests.fixtures.contract import Api, Contract, mails
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow


def file(path: str, content: str) -> dict[str, str]:
    return {"path": path, "content": content}


ADD = file("sum.py", "a, b = map(int, input().split())\nprint(a - b)\n")


def mailed(system: Contract, api: Api, email: str, **keys: Any) -> tuple[str, EmailMessage, str]:
    """Submit a program. Return the subject of its mail without the number, the mail, and its plain text."""
    body = api.submit(email=email, **keys)
    eventually_sync(lambda: mails(system, email))
    [mail] = mails(system, email)
    text = mail.get_body(("plain",))
    assert text is not None
    assert str(body["id"]) in mail["Subject"].translate(str.maketrans("۰۱۲۳۴۵۶۷۸۹", "0123456789"))
    return mail["Subject"].replace(f"#{body['id']}", "#N"), mail, text.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("keys", "subject", "lines"),
    [
        (
            {"language": "py", "files": [file("squares.py", "print(4)")]},
            "squares.py: finished (#N)",
            ["Finished", "    4", "Run by: python3 squares.py"],
        ),
        (
            {"language": "py", "files": [file("average.py", "def f():\n    1/0\nf()\n")]},
            "average.py: runtime error (#N)",
            ["Runtime error: ZeroDivisionError, line 2", "    ZeroDivisionError: division by zero"],
        ),
        (
            {"language": "c", "files": [file("hello.c", "int main(void) { return x; }\n")]},
            "hello.c: compile error (#N)",
            ["Compile error", "Compiled by: gcc hello.c -lm"],
        ),
    ],
)
def test_a_mail_says_how_the_program_ended(
    system: Contract, owner: Api, email: str, keys: dict[str, Any], subject: str, lines: list[str]
) -> None:
    found, _, text = mailed(system, owner, email, **keys)
    assert found == subject
    assert [line for line in lines if line not in text.splitlines()] == []
    assert re.search(r"^Language: (Python 3\.\d+\.\d+|C \(gcc \d+\.\d+\.\d+\))$", text, re.MULTILINE)
    assert not re.search(r"[Rr]equest|-pipe|/usr/bin", text)


def test_a_mail_has_every_visible_test_that_failed(system: Contract, owner: Api, email: str) -> None:
    tests = [
        {"stdin": "7 2", "expected_output": "9"},
        {"stdin": "3 0", "expected_output": "3"},
        {"stdin": "1 1", "expected_output": "2", "hidden": True},
        {"name": "two lines", "stdin": "5 4", "expected_output": "9\nend"},
    ]
    subject, mail, text = mailed(system, owner, email, language="py", files=[ADD], tests=tests)
    assert subject == "sum.py: 1 of 4 tests passed (#N)"
    difference = "Printed:\n    {}\nThe first difference is in line 1.\nInput:\n    {}\n"
    assert "\nTest 1\n------\nExpected:\n    9\n" + difference.format(5, "7 2") in text
    assert "\nTest two lines\n--------------\nExpected:\n    9\n    end\n" + difference.format(1, "5 4") in text
    assert "Test 3" not in text
    assert "1 1" not in text
    html = mail.get_body(("html",))
    assert html is not None
    assert html.get_content().count("The first difference is in line 1.") == 2
