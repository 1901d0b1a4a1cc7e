import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from textbook import Textbook, randomized

from handspun.model.config import ModelConfig
from handspun.model.copy_head import FIRST_GATE, HIDDEN
from handspun.model.transformer import Transformer

VOCAB = 7


def build(seed: int = 0) -> Transformer:
    config = ModelConfig(d_model=16, n_layers=1, n_heads=2, max_seq_len=32, copy_head=True, copy_dim=6)
    return randomized(Transformer(config, VOCAB), seed)


def mixed_probability(model: Transformer, ids: torch.Tensor, segments: torch.Tensor | None = None) -> torch.Tensor:
    """(B, T) → (B, T, V): g · softmax + (1 - g) · copy, asked of the model one target at a time."""
    head = model.copy_head
    assert head is not None
    hidden = model(ids, segments=segments)
    vocabulary, gate = model.logits(hidden).softmax(-1), head.gate(hidden).sigmoid()
    every = [head.target_log_prob(hidden, ids, torch.full_like(ids, target), segments).exp() for target in range(VOCAB)]
    return gate * vocabulary + (1 - gate) * torch.stack(every, dim=-1)


@settings(max_examples=20, deadline=None)
@given(n_tokens=st.integers(2, 12), seed=st.integers(0, 99))
@torch.no_grad()
def test_probabilities_are_those_of_the_textbook_and_sum_to_one(n_tokens, seed):
    model = build(seed)
    ids = torch.randint(0, VOCAB, (2, n_tokens), generator=torch.Generator().manual_seed(seed))
    ours, expected = mixed_probability(model, ids), torch.stack([Textbook(model).next_token_probabilities(row) for row in ids])
    assert (ours[:, 1:] - expected[:, 1:]).abs().max() < 1e-5
    assert (ours[:, 1:].sum(-1) - 1).abs().max() < 1e-5


@torch.no_grad()
def test_the_first_token_has_nothing_to_copy():
    model, ids = build(), torch.tensor([[3, 3, 1]])
    head = model.copy_head
    assert head is not None
    hidden = model(ids)
    log_prob = head.target_log_prob(hidden, ids, torch.tensor([[3, 3, 3]]))
    assert log_prob[0, 0] <= HIDDEN / 2
    assert log_prob[0, 1] == 0, "at the second token the only source is the first, and 3 came after it"
    assert log_prob[0, 2] > HIDDEN / 2


@torch.no_grad()
def test_a_target_that_was_not_read_cannot_be_copied():
    model, ids = build(), torch.tensor([[0, 1, 2, 3]])
    head = model.copy_head
    assert head is not None
    log_prob = head.target_log_prob(model(ids), ids, torch.full_like(ids, 5))
    assert (log_prob <= HIDDEN / 2).all()


@torch.no_grad()
def test_what_comes_later_cannot_be_copied():
    model = build()
    ids, changed = torch.tensor([[1, 2, 3, 1, 2]]), torch.tensor([[1, 2, 3, 4, 5]])
    assert torch.equal(mixed_probability(model, ids)[:, :3], mixed_probability(model, changed)[:, :3])


@torch.no_grad()
def test_nothing_is_copied_from_another_document():
    model = build()
    ids, segments = torch.tensor([[1, 2, 3, 4, 5, 6, 4, 5]]), torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1]])
    packed = mixed_probability(model, ids, segments)[:, 4:]
    assert (packed - mixed_probability(model, ids[:, 3:])[:, 1:]).abs().max() < 1e-5
    assert (packed - mixed_probability(model, ids)[:, 4:]).abs().max() > 1e-3


def test_gradients_are_finite_where_nothing_can_be_copied():
    model, ids = build(), torch.tensor([[0, 1, 2, 3]])
    head = model.copy_head
    assert head is not None
    head.target_log_prob(model(ids), ids, torch.full_like(ids, 5)).sum().backward()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("seed", [0, 1])
def test_at_first_the_gate_lets_the_vocabulary_speak(seed):
    model = build().initialize(seed)
    head = model.copy_head
    assert head is not None
    hidden = model(torch.tensor([[0, 1, 2]]))
    assert torch.equal(head.gate(hidden), torch.full((1, 3, 1), FIRST_GATE))
    assert F.sigmoid(torch.tensor(FIRST_GATE)) > 0.8
