import pytest

from shared.languages import ALIASES, check_lang


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("python", "py"), ("python3", "py"), ("py", "py"), ("java", "java"), ("cpp", "cpp"), ("c++", "cpp"), ("c", "c"),
        ("go", "go"), ("golang", "go"), ("cs", "cs"), ("c#", "cs"), ("csharp", "cs"), ("js", "js"),
        ("javascript", "js"), ("node", "js"), (" Python ", "py"), ("C++", "cpp"),
    ],
)  # fmt: skip
def test_a_usual_name_means_its_code(name: str, code: str) -> None:
    assert check_lang(name) == code


@pytest.mark.parametrize("name", ["", "cobol", "pyth on", "py\0", "py;rm"])
def test_an_unknown_name_means_nothing(name: str) -> None:
    assert check_lang(name) is None


def test_no_name_means_two_languages_and_every_code_means_itself() -> None:
    names = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(names) == len(set(names))
    assert all(check_lang(code) == code for code in ALIASES)
