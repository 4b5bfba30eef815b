import pytest

from shared.languages import ALIASES, check_lang


@pytest.mark.parametrize(("name", "code"), [("python3", "py"), (" Python ", "py"), ("C++", "cpp")])
def test_a_name_means_its_code_in_any_case_and_with_spaces(name: str, code: str) -> None:
    assert check_lang(name) == code


@pytest.mark.parametrize("name", ["", "cobol", "pyth on", "py\0", "py;rm"])
def test_an_unknown_name_means_nothing(name: str) -> None:
    assert check_lang(name) is None


def test_every_name_and_code_means_one_language() -> None:
    names = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(names) == len(set(names))
    assert all(check_lang(code) == code for code in ALIASES)
