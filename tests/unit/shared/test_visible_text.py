"""Names with hidden characters are refused, and those of all languages are not."""

import pytest

from shared.common.text.visible_text import is_visible


@pytest.mark.parametrize("text", ["course 1", "</td>", "دوره\u200cی یک", "👩\u200d🏫", "é", "e\u0301"])
def test_a_text_whose_characters_are_all_seen(text: str) -> None:
    assert is_visible(text)


@pytest.mark.parametrize("hidden", ["\n", "\t", "\x1b[31m", "\x7f", "\u200b", "\u2028", "\u202e", "\u2066", "\ud800"])
def test_a_text_with_a_hidden_character(hidden: str) -> None:
    assert not is_visible(f"a{hidden}b")


@pytest.mark.parametrize("text", ["", " ", "\u200c", "\u200d \u200d", "\u3164", "\u2800 \u034f"])
def test_a_text_without_anything_to_see(text: str) -> None:
    assert not is_visible(text)


@pytest.mark.parametrize("text", ["admin\u200c", "\u200dadmin", "a\u200c\u200db", "a \u200cb"])
def test_a_joiner_that_joins_nothing_is_hidden(text: str) -> None:
    assert not is_visible(text)
