from collections import Counter
from dataclasses import replace

import pytest

from api_service.doors.jobe.languages import languages_of
from api_service.doors.piston.runtimes import runtimes_of
from api_service.languages.catalog import LanguageCatalog
from api_service.settings import DOORS
from executor.languages import known
from shared.engine_api.codex import SupportedLanguage
from shared.engine_api.languages import ALIASES, LANGUAGES, check_lang, name_of, names_in, position_of
from shared.judging.packages.programs import _CODES, language_of


@pytest.mark.parametrize(
    ("name", "code"),
    [("python3", "py"), (" Python ", "py"), ("C++", "cpp"), *zip(LANGUAGES, LANGUAGES, strict=True)]
    + [(name, None) for name in ("", "befunge", "pyth on", "py\0", "py;rm")],
)
def test_a_name_means_its_code_in_any_case_and_with_spaces(name: str, code: str | None) -> None:
    assert check_lang(name) == code


def test_an_alias_has_its_languages_name() -> None:
    assert [name_of(text) for text in ("c++", "Python3", "befunge")] == ["C++", "Python", "befunge"]


def test_languages_are_listed_by_position_and_unknown_ones_last() -> None:
    assert sorted(["befunge", "zsh", "c", "py"], key=position_of) == ["py", "c", "zsh", "befunge"]


@pytest.mark.parametrize("code", known())
def test_services_find_in_the_first_paragraph_what_the_executor_finds_in_the_file(code: str) -> None:
    names, whole = LANGUAGES[code], known()[code]
    assert (names.title, names.aliases, names.doors) == (whole.title, whole.aliases, whole.doors)
    assert (names.position, names.main_file) == (whole.position, whole.source_file.name)
    assert names.extensions == (*whole.extensions, *whole.other_extensions)
    package = whole.package and replace(whole.package, extensions=whole.package.extensions or whole.extensions)
    assert names.package == package


def test_a_name_means_one_language_in_each_system() -> None:
    packages = [language.package for language in LANGUAGES.values() if language.package]
    doors = [(door, names) for language in LANGUAGES.values() for door, names in language.doors.items()]
    names: list[object] = [alias for aliases in ALIASES.values() for alias in aliases]
    names += [("code", package.code) for package in packages] + [("rank", package.rank) for package in packages]
    names += [(door, names.get("id", names["name"])) for door, names in doors if door != "judge0" and "name" in names]
    names += [("judge0", number) for door, names in doors if door == "judge0" for number in names["ids"]]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert {door for door, _ in doors} <= set(DOORS)


def test_every_door_understands_its_keys() -> None:
    """SandboxFusion's are read when its module is imported."""
    offered = {code: SupportedLanguage(language=code, info="1.2", compiled=True) for code in LANGUAGES}
    assert {"python3", "c", "java"} <= languages_of(LanguageCatalog(offered)).keys()
    assert {runtime.name for runtime in runtimes_of(LanguageCatalog(offered))} >= {"python", "c++", "deno"}
    assert {key for names in names_in("judge0").values() for key in names} == {"ids", "name", "source_file"}


@pytest.mark.parametrize("code", _CODES)
def test_problem_packages_may_have_each_language_of_their_format(code: str) -> None:
    assert language_of(code) == (check_lang(code) or "")
