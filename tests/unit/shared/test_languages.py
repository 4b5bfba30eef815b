import pytest

from api_service.doors.languages import names_in
from executor.languages import known
from shared.engine_api.languages import ALIASES, NAMES, check_lang, name_of
from shared.judging.packages.programs import _LANGUAGES, language_of


@pytest.mark.parametrize(("name", "code"), [("python3", "py"), (" Python ", "py"), ("C++", "cpp")])
def test_a_name_means_its_code_in_any_case_and_with_spaces(name: str, code: str) -> None:
    assert check_lang(name) == code


@pytest.mark.parametrize("name", ["", "befunge", "pyth on", "py\0", "py;rm"])
def test_an_unknown_name_means_nothing(name: str) -> None:
    assert check_lang(name) is None


def test_every_name_and_code_means_one_language() -> None:
    names = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(names) == len(set(names))
    assert all(check_lang(code) == code for code in ALIASES)


def test_the_names_for_people_are_the_executors() -> None:
    assert {language.code: language.name for language in known().values() if language.code in ALIASES} == NAMES


def test_an_alias_has_its_languages_name() -> None:
    assert [name_of(text) for text in ("c++", "Python3", "befunge")] == ["C++", "Python", "befunge"]


@pytest.mark.parametrize("code", _LANGUAGES)
def test_problem_packages_may_have_each_language_of_their_format(code: str) -> None:
    assert language_of(code) == (check_lang(code) or "")


@pytest.mark.parametrize("system", ["judge0", "piston", "jobe", "sandboxfusion"])
def test_other_systems_have_names_only_for_our_languages(system: str) -> None:
    assert set(names_in(system)) <= set(known())
