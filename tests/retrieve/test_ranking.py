"""Measures of rankings against figures worked out by hand."""

import math

import pytest

from handspun.retrieve.ranking import figures, ndcg, recall, reciprocal_rank

JUDGED = {"a": 3, "b": 2, "c": 0, "d": 1}


def test_the_best_order_scores_one_and_the_wrong_documents_zero() -> None:
    assert ndcg(["a", "b", "d"], JUDGED) == pytest.approx(1.0)
    assert ndcg(["c", "x", "y"], JUDGED) == 0.0
    assert ndcg([], JUDGED) == 0.0


def test_graded_gains_are_discounted_by_the_logarithm_of_the_rank() -> None:
    gained = 2 / math.log2(2) + 0 + 3 / math.log2(4)
    best = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["b", "c", "a"], JUDGED) == pytest.approx(gained / best)


def test_what_comes_behind_the_cut_gains_nothing() -> None:
    assert ndcg(["c", "x", "a"], JUDGED, k=2) == 0.0
    best = 3 / math.log2(2) + 2 / math.log2(3)
    assert ndcg(["a", "c"], JUDGED, k=2) == pytest.approx(3 / best)


def test_recall_counts_relevant_documents_of_any_grade() -> None:
    assert recall(["d", "c", "a"], JUDGED, k=10) == pytest.approx(2 / 3)
    assert recall(["d", "c", "a"], JUDGED, k=2) == pytest.approx(1 / 3)
    assert recall(["c"], {"c": 0}, k=1) == 0.0


def test_the_reciprocal_rank_is_of_the_first_relevant_document() -> None:
    assert reciprocal_rank(["c", "d", "a"], JUDGED) == pytest.approx(1 / 2)
    assert reciprocal_rank(["c", "x"], JUDGED) == 0.0


def test_means_count_queries_that_found_nothing_and_leave_out_those_without_a_relevant_document() -> None:
    found = figures({"one": ["a"], "other": ["z"]}, {"one": {"a": 1}, "two": {"b": 1}, "none": {"c": 0}})
    assert found == {"ndcg_at_10": 0.5, "recall_at_10": 0.5, "recall_at_100": 0.5, "mrr": 0.5}
