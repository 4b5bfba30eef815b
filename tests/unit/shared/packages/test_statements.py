"""The statements of packages: which files are kept, in which language, and which pictures they may show."""

import pytest

from shared.judging.packages.model import ArchiveFile
from shared.judging.packages.statements import picture_at, statement_files, statements_in
from tests.problem_packages import MIB, NEW, read


@pytest.mark.parametrize(
    ("paths", "language", "found"),
    [
        ("problem_statement/problem.tex problem_statement/problem.md", "fa", "md tex"),
        ("problem_statement/problem.fa.tex problem_statement/problem.en.md", "fa", "tex"),
        ("problem_statement/problem.de.tex problem_statement/problem.en.md", "fa", "md"),
        ("statement/problem.sv.pdf", "fa", "pdf"),
        ("problem.pdf problem.html problem.txt", "en", "html pdf txt"),
        ("statements/english/problem.tex statements/.html/english/problem.html", "en", "html tex"),
        ("statements/russian/problem.tex statements/.pdf/english/problem.pdf", "en", "pdf"),
        ("statements/english/tutorial.tex problem_statement/notes.md solution/problem.md", "en", ""),
    ],
)
def test_a_statement_is_found_in_its_language(paths: str, language: str, found: str) -> None:
    files = {path: ArchiveFile(path, 1, path) for path in paths.split()}
    assert [statement.kind for statement in statements_in(files, language, "en")] == found.split()


def test_only_statements_and_pictures_beside_them_are_kept() -> None:
    files = {f"statement/{name}": "" for name in ("problem.en.md", "img/a.PNG", "b.svg", "c.sty", "d.html")}
    kept = statement_files(read({**NEW, **files, "data/secret/01.png": "", "statement/large.png": b"\0" * (9 * MIB)}))
    assert sorted(kept) == ["statement/b.svg", "statement/img/a.PNG", "statement/problem.en.md"]
    [statement] = statements_in(kept, "en")
    for address, path in {
        "img/a.PNG": "statement/img/a.PNG",
        "./img/../b%2esvg": "statement/b.svg",
        "../data/secret/01.png": None,
        "../data/secret/01.in": None,
        "problem.en.md": None,
        "/statement/b.svg": None,
        "https://example.com/b.svg": None,
        "": None,
    }.items():
        assert picture_at(kept, statement, address) == path
