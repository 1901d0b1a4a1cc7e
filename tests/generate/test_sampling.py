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
from handspun.generate.sampling import choose, limited, penalized

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
    contexts = [torch.tensor([0, 0, 1]), torch.tensor([2])]
    assert penalized(logits, contexts, 2.0).tolist() == [[1.0, -4.0, 4.0, 0.5], [2.0, -2.0, 2.0, 0.5]]
    assert logits[0, 0] == 2.0


def test_a_window_forgets_what_was_said_before_it() -> None:
    logits, contexts = torch.tensor([[2.0, 2.0, 2.0]]), [torch.tensor([0, 1, 2])]
    assert penalized(logits, contexts, 2.0, 1).tolist() == [[2.0, 2.0, 1.0]]
    assert penalized(logits, contexts, 2.0, 2).tolist() == [[2.0, 1.0, 1.0]]
    assert penalized(logits, contexts, 2.0, 9).tolist() == [[1.0, 1.0, 1.0]]


@given(SCORES, st.integers(1, 12), SHARE, SHARE, st.floats(0.2, 3.0), st.floats(0.5, 3.0))
@settings(max_examples=50)
def test_all_limits_in_a_row_are_those_of_transformers(
    scores: list[float], k: int, top_p: float, min_p: float, temperature: float, penalty: float
) -> None:
    logits, context = torch.tensor([scores]), torch.tensor([[0, 1]])
    warpers = [TemperatureLogitsWarper(temperature), TopKLogitsWarper(k), TopPLogitsWarper(top_p), MinPLogitsWarper(min_p)]
    theirs = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(penalty), *warpers])(context, logits.clone())
    ours = limited(penalized(logits, list(context), penalty) / temperature, GenerateConfig(top_k=k, top_p=top_p, min_p=min_p))
    torch.testing.assert_close(ours, theirs)


def test_without_a_temperature_the_likeliest_token_is_taken() -> None:
    assert choose(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), GenerateConfig(), []).tolist() == [1, 0]


def test_samples_come_as_often_as_they_are_likely() -> None:
    scores, generator = torch.tensor([[0.0, 1.0, 2.0]]), torch.Generator().manual_seed(0)
    config, counts = GenerateConfig(temperature=0.5), torch.zeros(3)
    for _ in range(2000):
        counts[choose(scores, config, [generator])] += 1
    expected = (scores[0] / 0.5).softmax(-1)
    assert (counts / 2000 - expected).abs().max() < 0.03


@pytest.mark.parametrize("temperature", [1e-40, 1e-3])
def test_the_coldest_sample_is_the_likeliest_token(temperature: float) -> None:
    config = GenerateConfig(temperature=temperature)
    assert choose(torch.tensor([[-3.0, -0.1, -2.0]]), config, [torch.Generator()]).tolist() == [1]
