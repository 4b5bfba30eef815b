"""A variant is its language with options of the compiler, and has a code of its own."""

import pytest

from executor import languages, wire
from executor.catalogue.installed import Installed
from executor.languages.base import LanguageDefinition
from executor.pipeline.plan import commands_of, program_of
from executor.settings import ExecutorSettings
from shared.engine_api.languages import check_lang
from shared.engine_api.run_call.request import ProgramFile, ProgramRequest

_KNOWN = languages.known()


def _installed(code: str, info: str) -> Installed:
    language = _KNOWN[code]
    assert language.compile
    names = (*language.tools, *language.compile.options)
    return Installed(language, dict.fromkeys(names, "/tool"), info)


def _compile_words(installed: Installed, *own: str) -> tuple[str, ...]:
    file = ProgramFile(path=f"main.{installed.language.extensions[0]}", content="x")
    request = ProgramRequest(language=installed.code, files=(file,), compiler_args=own)
    words = commands_of(program_of(request, installed), installed, 1 << 29).compile
    assert words
    return words


def test_a_programs_own_option_wins_over_its_variant() -> None:
    java = _installed("java", 'openjdk version "21.0.13"')
    words = _compile_words(java.variants["java17"], "--release=11", "-Xlint")
    assert [word for word in words if word.startswith("--release")] == ["--release=11"]


def test_a_compiler_offers_the_variants_that_it_knows() -> None:
    assert list(_installed("cpp", "g++ (Debian 10.2.1-6) 10.2.1").variants) == ["cpp17", "cpp20"]
    assert list(_installed("java", 'openjdk version "17.0.21"').variants) == ["java11", "java17"]
    described = wire.describe(_installed("c", "gcc (Debian 14.2.0-19) 14.2.0"), ExecutorSettings())
    assert [(one.code, one.name, one.version) for one in described.variants or ()] == [
        ("c11", "C11", "14.2.0"),
        ("c17", "C17", "14.2.0"),
        ("c23", "C23", "14.2.0"),
    ]


@pytest.mark.parametrize("language", [one for one in _KNOWN.values() if one.compile and one.compile.variants])
def test_no_variant_has_a_languages_name(language: LanguageDefinition) -> None:
    assert language.compile
    assert all(check_lang(one.code) is None and check_lang(one.name) is None for one in language.compile.variants)
