"""Every stored verdict has its words, its number in Judge0, and its place in the client."""

from typing import get_args

import pytest

from precieux_client import models
from shared.engine_api.codex import STORED_VERDICTS, Verdict
from shared.records.judge0.statuses import Status, ending_of
from shared.records.messages.translations import LOCALES, translations
from shared.records.messages.verdict_texts import EXPLANATIONS, LABELS

JUDGE0 = {
    Verdict.OK: Status.ACCEPTED,
    Verdict.ACCEPTED: Status.ACCEPTED,
    Verdict.WRONG_ANSWER: Status.WRONG_ANSWER,
    Verdict.COMPILE_ERROR: Status.COMPILATION_ERROR,
    Verdict.RUNTIME_ERROR: Status.NZEC,
    Verdict.TIME_LIMIT: Status.TIME_LIMIT_EXCEEDED,
    Verdict.MEMORY_LIMIT: Status.OTHER,
    Verdict.OUTPUT_LIMIT: Status.SIGXFSZ,
    Verdict.JUDGE_ERROR: Status.INTERNAL_ERROR,
}


def test_only_what_an_engine_failed_with_is_not_stored() -> None:
    assert set(Verdict) - set(STORED_VERDICTS) == {Verdict.INTERNAL_ERROR}
    assert JUDGE0.keys() == set(STORED_VERDICTS)
    assert set(get_args(models.Verdict)) == set(STORED_VERDICTS)


@pytest.mark.parametrize("verdict", STORED_VERDICTS)
def test_it_has_words_in_every_language(verdict: Verdict) -> None:
    for locale in LOCALES:
        words = translations(locale)
        assert words.gettext(LABELS[verdict])
        for texts in (LABELS, EXPLANATIONS):
            text = texts.get(verdict)
            assert text is None or locale == "en" or words.gettext(text) != text
    assert verdict is Verdict.OK or verdict in EXPLANATIONS


@pytest.mark.parametrize("verdict", STORED_VERDICTS)
def test_it_has_a_number_in_judge0(verdict: Verdict) -> None:
    exit_code = None if verdict is Verdict.MEMORY_LIMIT else 1
    assert ending_of(verdict, exit_code, None, is_over=False, is_no_program=False).status == JUDGE0[verdict]
