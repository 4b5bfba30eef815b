"""Every stored verdict has its words, its number in Judge0, and its place in lists, answers and clients."""

from typing import get_args

import pytest

from api_service.v1.lists.pages import ListQuery
from job_runner.emails.digest import Line, as_csv
from precieux.terminal import styled
from precieux_client import models
from shared.engine.codex import STORED_VERDICTS, Verdict
from shared.judge0.statuses import Status, ending_of
from shared.messages.translations import LOCALES, translations
from shared.messages.verdict_texts import EXPLANATIONS, LABELS
from shared.resources.models import BatchProgress

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
class TestEach:
    def test_it_has_words_in_every_language(self, verdict: Verdict) -> None:
        for locale in LOCALES:
            words = translations(locale)
            assert words.gettext(LABELS[verdict])
            for texts in (LABELS, EXPLANATIONS):
                text = texts.get(verdict)
                assert text is None or locale == "en" or words.gettext(text) != text
        assert verdict is Verdict.OK or verdict in EXPLANATIONS

    def test_it_has_a_number_in_judge0(self, verdict: Verdict) -> None:
        exit_code = None if verdict is Verdict.MEMORY_LIMIT else 1
        assert ending_of(verdict, exit_code, None, is_over=False, is_no_program=False).status == JUDGE0[verdict]

    def test_lists_can_be_filtered_by_it(self, verdict: Verdict) -> None:
        assert ListQuery.model_validate({"verdict": str(verdict)}).verdict == verdict

    def test_batches_count_it(self, verdict: Verdict) -> None:
        counts = BatchProgress(total=0, done=0, states={}, verdicts=dict.fromkeys(STORED_VERDICTS, 0))
        assert f'"{verdict}":0' in counts.model_dump_json()

    def test_tables_have_it(self, verdict: Verdict) -> None:
        assert f",{verdict}," in as_csv([Line(1, "a.py", "py", verdict, "https://page", 1, None)])
        assert styled(verdict).plain == verdict
