"""Activation checkpointing: fewer states are kept, and the gradients are the same."""

import pytest
import torch
from torch import Tensor

from handspun.model.transformer import Transformer
from handspun.train.batches import Batch
from handspun.train.objective import Objective
from handspun.train.recompute import recompute
from tiny_run import tiny_model


def kept_bytes_and_gradients(model: Transformer) -> tuple[int, dict[str, Tensor]]:
    """What a forward pass keeps for the backward pass, and what comes of it."""
    torch.manual_seed(3)
    ids = torch.arange(4 * 64).reshape(4, 64) % 250
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = Objective(model)(Batch(ids, ids.roll(-1, 1), torch.ones_like(ids, dtype=torch.bool)))
    loss.backward()
    return sum(kept.values()), {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_more_is_forgotten_the_less_is_kept_and_the_gradients_stay(dropout: float) -> None:
    found = []
    for which in ("none", "selective", "full"):
        model = tiny_model(n_layers=4, copy_head=False, dropout=dropout)
        recompute(model, which)
        found.append(kept_bytes_and_gradients(model.train()))
    kept = [n_bytes for n_bytes, _ in found]
    assert kept[0] > 1.3 * kept[1] > 1.3 * 1.3 * kept[2]
    for _, gradients in found[1:]:
        assert gradients.keys() == found[0][1].keys()
        assert all(torch.allclose(gradient, found[0][1][name], atol=1e-5) for name, gradient in gradients.items())


def test_what_is_forgotten_is_no_part_of_the_weights_names_or_of_generation() -> None:
    model, plain = tiny_model(), tiny_model()
    recompute(model, "full")
    assert model.state_dict().keys() == plain.state_dict().keys()
    ids = torch.arange(20).reshape(1, 20)
    with torch.no_grad():
        assert torch.equal(model(ids), plain(ids))
