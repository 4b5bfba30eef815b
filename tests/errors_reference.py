"""`python -m tests.errors_reference` writes the reference of all errors of API v1, from the kinds in the code."""

from pathlib import Path
from textwrap import fill
from typing import Final

from api_service.http.errors import Kind

PAGE: Final = Path(__file__).parent.parent / "docs/problems.md"


def page() -> str:
    """Return the reference as Markdown."""
    return _HEAD + "".join(
        f'\n<a id="{kind.value}"></a>\n\n## {kind.status.value}: {kind.title}\n\n{fill(kind.meaning, 120)}\n'
        for kind in Kind
    )


_HEAD: Final = """# Problems

<!-- Written by `python -m tests.errors_reference` from the kinds in the code. -->

An error of API v1 is a problem document (RFC 9457): `type` leads to the kind below, on the server's own page
`/problems`; `title` names it; `status` is the status of the answer; `detail` is one sentence that says what to change.
A 422 has `errors`, one entry for each fault, with its `detail` and its place: a `pointer` into the body (RFC 6901; `""`
is the whole body), or the `parameter` of the query or the header.

The `type` of a used-up budget is `https://iana.org/assignments/http-problem-types#quota-exceeded`.
"""


if __name__ == "__main__":
    PAGE.write_text(page())
