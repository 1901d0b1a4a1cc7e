"""The next-token loss against its definition written out."""

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from handspun.model.transformer import Transformer
from handspun.train import loss as loss_module
from handspun.train.loss import SlicedCrossEntropy, next_token_loss
from tiny_run import tiny_model

N_ROWS, N_TOKENS = 3, 17


@pytest.fixture(params=[True, False], ids=["copy head", "no copy head"])
def model(request: pytest.FixtureRequest) -> Transformer:
    """A model in which every weight matters."""
    model = tiny_model(copy_head=request.param)
    generator = torch.Generator().manual_seed(5)
    for weight in model.parameters():
        weight.data += 0.3 * torch.randn(weight.shape, generator=generator)
    return model


@pytest.fixture
def ids() -> Tensor:
    """Few different tokens, so that most were read before."""
    return torch.randint(0, 6, (N_ROWS, N_TOKENS + 1), generator=torch.Generator().manual_seed(2))


@pytest.fixture
def loss_mask() -> Tensor:
    return torch.rand(N_ROWS, N_TOKENS, generator=torch.Generator().manual_seed(3)) < 0.6


SEGMENTS = torch.tensor([[0] * 17, [0] * 5 + [1] * 12, [0] * 3 + [1] * 6 + [2] * 8])


def copied_share(model: Transformer, hidden: Tensor, ids: Tensor, segments: Tensor) -> Float[Tensor, "B T V"]:
    """How likely copying yields each token, by the definition: one pair of positions at a time."""
    assert model.copy_head is not None
    queries, keys = model.copy_head.query(hidden) * model.config.copy_dim**-0.5, model.copy_head.key(hidden)
    shares = torch.zeros(*ids.shape, model.vocab_size)
    rows = []
    for row in range(len(ids)):
        for t in range(ids.shape[1]):
            sources = [j for j in range(t) if segments[row, j] == segments[row, t]]
            share = torch.zeros(model.vocab_size)
            if sources:
                weights = torch.stack([queries[row, t] @ keys[row, j] for j in sources]).softmax(0)
                share = share.index_add(0, torch.stack([ids[row, j + 1] for j in sources]), weights)
            rows.append(share)
    return torch.stack(rows).view_as(shares)


def direct_loss(model: Transformer, ids: Tensor, targets: Tensor, loss_mask: Tensor, segments: Tensor | None) -> Tensor:
    """-log p(target), summed over the counted tokens, from the full logits."""
    hidden = model(ids, segments=segments)
    probs = model.logits(hidden).softmax(-1)
    if model.copy_head is not None:
        gate = model.copy_head.gate(hidden).sigmoid()
        segments = torch.zeros_like(ids) if segments is None else segments
        probs = gate * probs + (1 - gate) * copied_share(model, hidden, ids, segments)
    return -probs.gather(2, targets.unsqueeze(2)).squeeze(2)[loss_mask].log().sum()


def gradients(model: Transformer, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("rows_per_slice", [1, 4, 1000])
@pytest.mark.parametrize("segments", [None, SEGMENTS], ids=["one document", "packed"])
def test_loss_and_gradients_are_those_of_the_definition(
    model: Transformer,
    ids: Tensor,
    loss_mask: Tensor,
    segments: Tensor | None,
    rows_per_slice: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loss_module, "SLICE_ELEMENTS", rows_per_slice * model.vocab_size)
    arguments = (ids[:, :-1], ids[:, 1:], loss_mask, segments)
    ours, direct = next_token_loss(model, *arguments), direct_loss(model, *arguments)
    assert ours.item() == pytest.approx(direct.item(), rel=1e-5)
    found, expected = gradients(model, ours), gradients(model, direct)
    assert found.keys() == expected.keys() == dict(model.named_parameters()).keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-4 * gradient.abs().max().item(), msg=name)


def test_a_gpu_takes_more_rows_at_a_time_and_every_device_at_least_one() -> None:
    assert loss_module.rows_per_slice(32_768, "cpu") == 64
    assert loss_module.rows_per_slice(32_768, "cuda") == 2048
    assert loss_module.rows_per_slice(1 << 30, "cpu") == 1


def test_without_a_copy_head_it_is_cross_entropy(ids: Tensor, loss_mask: Tensor) -> None:
    model = tiny_model(copy_head=False)
    logits = model.logits(model(ids[:, :-1]))
    expected = F.cross_entropy(logits[loss_mask], ids[:, 1:][loss_mask], reduction="sum")
    assert next_token_loss(model, ids[:, :-1], ids[:, 1:], loss_mask).item() == pytest.approx(expected.item(), rel=1e-6)


def test_what_the_loss_is_scaled_by_scales_every_gradient(model: Transformer, ids: Tensor, loss_mask: Tensor) -> None:
    arguments = (ids[:, :-1], ids[:, 1:], loss_mask)
    whole = gradients(model, next_token_loss(model, *arguments))
    tenth = gradients(model, next_token_loss(model, *arguments) / 10)
    for name, gradient in whole.items():
        torch.testing.assert_close(tenth[name] * 10, gradient, rtol=1e-4, atol=1e-5)


def test_tokens_that_do_not_count_cost_nothing(model: Transformer, ids: Tensor, loss_mask: Tensor) -> None:
    inputs, targets = ids[:, :-1], ids[:, 1:]
    other = torch.where(loss_mask, targets, 9)
    assert next_token_loss(model, inputs, other, loss_mask) == next_token_loss(model, inputs, targets, loss_mask)
    assert next_token_loss(model, inputs, 9 - targets, loss_mask) != next_token_loss(model, inputs, targets, loss_mask)


def test_a_batch_in_which_nothing_counts_has_no_loss_and_no_gradient(model: Transformer, ids: Tensor) -> None:
    loss = next_token_loss(model, ids[:, :-1], ids[:, 1:], torch.zeros(N_ROWS, N_TOKENS, dtype=torch.bool))
    assert loss == 0
    assert not any(gradient.any() for gradient in gradients(model, loss).values())


def test_the_loss_is_the_same_without_gradients(model: Transformer, ids: Tensor, loss_mask: Tensor) -> None:
    arguments = (ids[:, :-1], ids[:, 1:], loss_mask)
    with torch.inference_mode():
        quiet = next_token_loss(model, *arguments)
    torch.testing.assert_close(quiet, next_token_loss(model, *arguments).detach())
    assert not quiet.requires_grad


def test_an_almost_impossible_target_has_a_finite_loss() -> None:
    hidden, head = torch.tensor([[1.0]], requires_grad=True), torch.tensor([[0.0], [1e4]], requires_grad=True)
    loss = SlicedCrossEntropy.apply(hidden, head, torch.tensor([[0]]), None, None, None, True)
    loss.backward()
    assert loss.item() == 1e4
    assert head.grad is not None and head.grad.tolist() == [[-1.0], [1.0]]


def test_in_bfloat16_it_stays_close_and_gradients_stay_fp32(ids: Tensor, loss_mask: Tensor) -> None:
    arguments = (ids[:, :-1], ids[:, 1:], loss_mask)
    exact = next_token_loss(tiny_model(), *arguments)
    model = tiny_model(compute_dtype=torch.bfloat16)
    loss = next_token_loss(model, *arguments)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-2)
    assert {gradient.dtype for gradient in gradients(model, loss).values()} == {torch.float32}
