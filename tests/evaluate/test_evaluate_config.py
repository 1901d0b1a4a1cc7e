"""Settings of the evaluation that cannot be are refused by name."""

from typing import get_args

import pytest

from handspun.corpus.questions import Ask
from handspun.evaluate.config import EvaluateConfig, QuestionKind


@pytest.mark.parametrize("wrong", [{"ngram_order": 0}, {"ngram_order": 9}, {"n_questions": 0}, {"rows": 0}, {"stride": 0}])
def test_an_impossible_value_is_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EvaluateConfig(**wrong)


def test_the_longest_n_gram_and_a_single_question_are_possible() -> None:
    assert EvaluateConfig(ngram_order=8, n_questions=1, rows=1).ngram_order == 8


def test_the_kinds_of_question_are_those_that_are_made() -> None:
    assert get_args(QuestionKind) == (*get_args(Ask), "reading")
