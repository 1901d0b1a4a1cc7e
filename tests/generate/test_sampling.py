"""Each limit keeps what its definition keeps, alone and as transformers does in a row."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from handspun.generate.config import GenerateConfig
from handspun.generate.sampling import DRAW_BITS, choose, limited, penalized

SCORES = st.lists(st.integers(-800, 800), min_size=2, max_size=12, unique=True).map(lambda values: [v / 100 for v in values])
SHARE = st.floats(0.01, 0.99)


def kept(scores: list[float], **limits: float) -> set[int]:
    """The tokens that are not ruled out."""
    (row,) = limited(torch.tensor([scores]), GenerateConfig(**limits))
    return {token for token, score in enumerate(row.tolist()) if score > -math.inf}


def softmax(scores: list[float]) -> list[float]:
    """Probabilities, by definition."""
    weights = [math.exp(score) for score in scores]
    return [weight / sum(weights) for weight in weights]


@given(SCORES, st.integers(1, 12))
def test_top_k_keeps_the_k_likeliest(scores: list[float], k: int) -> None:
    assert kept(scores, top_k=k) == set(sorted(range(len(scores)), key=lambda token: -scores[token])[:k])


@given(SCORES, SHARE)
def test_top_p_keeps_the_fewest_likeliest_that_reach_the_share(scores: list[float], share: float) -> None:
    probs = softmax(scores)
    total, nucleus = 0.0, set()
    for token in sorted(range(len(scores)), key=lambda token: -scores[token]):
        if abs(total - share) < 1e-6:
            return  # which side of the limit it falls on is a matter of rounding
        if total < share:
            nucleus.add(token)
        total += probs[token]
    assert kept(scores, top_p=share) == nucleus


@given(SCORES, SHARE)
def test_min_p_keeps_what_is_at_least_a_share_as_likely_as_the_likeliest(scores: list[float], share: float) -> None:
    ratios = [math.exp(score - max(scores)) for score in scores]
    if min(abs(ratio - share) for ratio in ratios) > 1e-6:
        assert kept(scores, min_p=share) == {token for token, ratio in enumerate(ratios) if ratio >= share}


def test_without_a_limit_every_token_is_kept() -> None:
    assert kept([0.0, -5.0, 3.0]) == {0, 1, 2}
    assert kept([0.0, -5.0, 3.0], top_k=5) == {0, 1, 2}


def test_a_penalty_divides_positive_logits_and_multiplies_negative_ones_of_tokens_seen() -> None:
    logits = torch.tensor([[2.0, -2.0, 4.0, 0.5], [2.0, -2.0, 4.0, 0.5]])
    read = torch.tensor([[0, 0, 1], [2, 2, 2]])
    assert penalized(logits, read, 2.0).tolist() == [[1.0, -4.0, 4.0, 0.5], [2.0, -2.0, 2.0, 0.5]]
    assert penalized(logits, read, 0.5)[0].tolist() == [4.0, -1.0, 4.0, 0.5]
    assert logits[0, 0] == 2.0


@given(SCORES, st.integers(1, 12), SHARE, SHARE, st.floats(0.2, 3.0), st.floats(0.5, 3.0))
@settings(max_examples=50)
def test_all_limits_in_a_row_are_those_of_transformers(
    scores: list[float], k: int, top_p: float, min_p: float, temperature: float, penalty: float
) -> None:
    logits, context = torch.tensor([scores]), torch.tensor([[0, 1]])
    warpers = [TemperatureLogitsWarper(temperature), TopKLogitsWarper(k), TopPLogitsWarper(top_p), MinPLogitsWarper(min_p)]
    theirs = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(penalty), *warpers])(context, logits.clone())
    ours = limited(penalized(logits, context, penalty) / temperature, GenerateConfig(top_k=k, top_p=top_p, min_p=min_p))
    torch.testing.assert_close(ours, theirs)


def test_without_a_temperature_the_likeliest_token_is_taken() -> None:
    assert choose(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), GenerateConfig(), []).tolist() == [1, 0]


@pytest.mark.parametrize("settings", [{}, {"top_k": 2}, {"top_p": 0.95}], ids=str)
def test_samples_come_as_often_as_they_are_likely(settings: dict) -> None:
    scores, config, n = torch.tensor([[0.0, 2.0, 1.0, -1.0]]), GenerateConfig(temperature=0.5, **settings), 5000
    draws = [(number + 0.5) / n for number in range(n)]
    counts = choose(scores.expand(n, -1), config, draws).bincount(minlength=4)
    expected = limited(scores / 0.5, config)[0].softmax(-1)
    assert (counts / n - expected).abs().max() < 0.001


@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-DRAW_BITS])
@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"min_p": 0.2}], ids=str)
def test_what_is_ruled_out_is_never_chosen(draw: float, settings: dict) -> None:
    scores = torch.tensor([[-200.0, 1.0, -9.0, 0.9, 1.1, -200.0]])
    assert choose(scores, GenerateConfig(temperature=0.5, **settings), [draw]).item() in (1, 2, 3, 4)
    assert choose(scores, GenerateConfig(temperature=0.5, **settings, top_p=0.9), [draw]).item() in (1, 3, 4)


def test_each_row_is_chosen_by_its_own_draw() -> None:
    scores = torch.tensor([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert choose(scores, GenerateConfig(temperature=1.0), [0.6, 0.6, 0.1]).tolist() == [2, 0, 0]


def test_tokens_that_tie_at_a_limit_may_all_be_chosen() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0, 2.0, 2.0]])
    chosen = {choose(scores, GenerateConfig(temperature=5.0, top_k=2), [draw / 9]).item() for draw in range(9)}
    assert chosen == {0, 2, 3, 4}


@pytest.mark.parametrize("temperature", [1e-40, 1e-3])
def test_the_coldest_sample_is_the_likeliest_token(temperature: float) -> None:
    config = GenerateConfig(temperature=temperature)
    assert choose(torch.tensor([[-3.0, -0.1, -2.0]]), config, [0.99]).tolist() == [1]
