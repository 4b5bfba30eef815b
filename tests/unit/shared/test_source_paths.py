"""The paths that a submission's files may have, and those that are refused."""

import pytest

from shared.common.text.source_paths import MAX_PATH, fault_of, faults_of


@pytest.mark.parametrize(
    "path",
    ["main.py", "a/b/c.txt", ".hidden", "...", "a..b", "-x.c", "a b", "é/ü.py", "x" * MAX_PATH, "é" * 127, "a/.b"],
)
def test_a_path_within_the_folder_is_fine(path: str) -> None:
    assert fault_of(path) is None


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("..", "segment"),
        ("a/../b", "segment"),
        ("./a", "segment"),
        ("a//b", "segment"),
        ("a/", "segment"),
        ("a\\b", "backslash"),
        ("a\0b", "control"),
        ("a\x7f", "control"),
        ("a\x85", "control"),
        ("a\ud800", "UTF-8"),
        ("x" * (MAX_PATH + 1), "255 bytes"),
        ("é" * 128, "255 bytes"),
    ],
)
def test_any_other_path_has_a_fault(path: str, word: str) -> None:
    fault = fault_of(path)
    assert fault
    assert word in fault


@pytest.mark.parametrize(
    ("paths", "wrong"),
    [
        (["a", "b/c", "b/d"], {}),
        (["a", "b", "a"], {2: "twice"}),
        (["a", "a/b"], {0: "folder"}),
        (["a/b/c", "x", "a/b", "a"], {2: "folder", 3: "folder"}),
        (["../x", "y", "y"], {0: "segment", 2: "twice"}),
        (["a", "A"], {}),
    ],
)
def test_paths_are_checked_together(paths: list[str], wrong: dict[int, str]) -> None:
    found = dict(faults_of(paths))
    assert found.keys() == wrong.keys()
    assert all(word in found[position] for position, word in wrong.items())
