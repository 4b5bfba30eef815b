"""What API keys may do."""

from enum import StrEnum


class Scope(StrEnum):
    """`SUBMIT` submits and requests runs, `READ` lists the key's own submissions, `PROBLEMS` stores problems.

    `ADMIN` may do everything.
    """

    SUBMIT = "submit"
    READ = "read"
    PROBLEMS = "problems"
    ADMIN = "admin"
