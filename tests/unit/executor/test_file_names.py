"""The file names of senders that are used, and those that are not."""

import tracemalloc

import pytest

from executor.languages import known
from executor.languages.file_names import MAX_LENGTH, usable

_LANGUAGES = known()
_RESERVED = {"random", "string", "sitecustomize", "numpy"}


@pytest.mark.parametrize(
    ("language", "sent", "name"),
    [
        ("py", "crash.py", "crash.py"),
        ("py", "2-b_C.py", "2-b_C.py"),
        ("py", "homework/week 1/crash.py", "crash.py"),
        ("py", "C:\\Users\\me\\crash.py", "crash.py"),
        ("cpp", "words.cc", "words.cc"),
        ("js", "app.mjs", "app.mjs"),
        ("go", "hello_world.go", "hello_world.go"),
        ("c", "a" * (MAX_LENGTH - 2) + ".c", "a" * (MAX_LENGTH - 2) + ".c"),
    ],
)
def test_a_plain_name_is_used(language: str, sent: str, name: str) -> None:
    assert usable(sent, _LANGUAGES[language], ()) == name


@pytest.mark.parametrize(
    ("language", "sent"),
    [
        ("py", None),
        ("py", ""),
        ("py", "crash"),
        ("py", ".py"),
        ("py", "crash.PY"),
        ("py", "crash.c"),
        ("py", "-c.py"),
        ("py", ".hidden.py"),
        ("py", "__init__.py"),
        ("py", "a b.py"),
        ("py", "a.b.py"),
        ("py", "a\n.py"),
        ("py", "a.py\n"),
        ("py", "a\0.py"),
        ("py", "übung.py"),
        ("py", "١.py"),
        ("py", "$(id).py"),
        ("py", "crash.py/.."),
        ("py", "random.py"),
        ("py", "Random.py"),
        ("py", "sitecustomize.py"),
        ("c", "@file.c"),
        ("c", "a" * MAX_LENGTH + ".c"),
        ("go", "crash_test.go"),
        ("go", "crash_windows.go"),
        ("go", "crash_linux_arm64.go"),
        ("pas", "crash.pas"),
        ("java", "Crash.java"),
    ],
)
def test_any_other_name_is_not_used(language: str, sent: str | None) -> None:
    assert usable(sent, _LANGUAGES[language], _RESERVED) is None


def test_a_source_cannot_have_the_name_of_a_compiled_file() -> None:
    for language in _LANGUAGES.values():
        assert not {"exe", "gch", "so", "class", ""} & set(language.source_file.extensions)


def test_a_path_of_any_length_takes_little_memory() -> None:
    path = "/" * (8 << 20) + "crash.py"
    tracemalloc.start()
    try:
        assert usable(path, _LANGUAGES["py"], ()) == "crash.py"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
