"""Which weights each optimizer moves, and their state on its way through a checkpoint."""

import pytest
import torch
from torch import Tensor
from torch.optim import AdamW, Muon

from handspun.errors import CheckpointError
from handspun.model.transformer import Transformer
from handspun.train.optim import Optimizers
from tiny_run import tiny_config, tiny_model


def every_kind_of_weight() -> Transformer:
    """Biases, learned positions, an own head and a copy head."""
    return tiny_model(bias=True, norm="layernorm", position="learned", tie_embeddings=False, qk_norm=True)


def named_groups(model: Transformer, optimizers: Optimizers) -> list[tuple[type, float, set[str]]]:
    """Each group as optimizer, weight decay and the names of its weights."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    return [
        (type(optimizer), group["weight_decay"], {names[id(weight)] for weight in group["params"]})
        for optimizer in optimizers.all
        for group in optimizer.param_groups
    ]


def step_with_gradients(model: Transformer, optimizers: Optimizers, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)
    optimizers.step(0.5)


def weights_of(model: Transformer) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def test_muon_moves_exactly_the_matrices_inside_the_blocks() -> None:
    model = every_kind_of_weight()
    ((_, _, tables), (_, _, vectors), (kind, _, matrices)) = named_groups(
        model, Optimizers(model, tiny_config(optimizer="muon"))
    )
    assert kind is Muon
    assert matrices == {
        f"blocks.{layer}.{part}.weight"
        for layer in range(2)
        for part in ("attention.qkv", "attention.out", "feed_forward.up", "feed_forward.down")
    }
    assert {"embedding.weight", "positions.weight", "head.weight", "copy_head.query.weight"} <= tables
    assert not vectors & tables


def test_adamw_alone_moves_every_weight() -> None:
    model = every_kind_of_weight()
    groups = named_groups(model, Optimizers(model, tiny_config(optimizer="adamw")))
    assert {kind for kind, _, _ in groups} == {AdamW}
    assert sum(len(names) for _, _, names in groups) == len(list(model.parameters()))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_norms_and_biases_do_not_decay_and_all_else_does(optimizer: str) -> None:
    model = every_kind_of_weight()
    groups = named_groups(model, Optimizers(model, tiny_config(optimizer=optimizer, weight_decay=0.3)))
    decay = {name: weight_decay for _, weight_decay, names in groups for name in names}
    assert decay == {name: 0.0 if weight.ndim == 1 else 0.3 for name, weight in model.named_parameters()}


def test_each_optimizer_has_its_own_peak_and_both_follow_the_share() -> None:
    model = tiny_model()
    optimizers = Optimizers(model, tiny_config(lr=0.01, matrix_lr=0.2))
    step_with_gradients(model, optimizers, 1)
    assert [group["lr"] for optimizer in optimizers.all for group in optimizer.param_groups] == [0.005, 0.005, 0.1]
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_state_comes_back_exactly(optimizer: str) -> None:
    config = tiny_config(optimizer=optimizer)
    model, resumed = tiny_model(), tiny_model()
    optimizers, others = Optimizers(model, config), Optimizers(resumed, config)
    for seed in range(3):
        step_with_gradients(model, optimizers, seed)
    resumed.load_state_dict(model.state_dict())
    others.load_state(optimizers.state())
    assert others.state().keys() == optimizers.state().keys()
    assert all(torch.equal(value, others.state()[name]) for name, value in optimizers.state().items())
    for seed in range(3, 6):
        step_with_gradients(model, optimizers, seed)
        step_with_gradients(resumed, others, seed)
    expected = weights_of(model)
    assert all(torch.equal(weight, expected[name]) for name, weight in weights_of(resumed).items())


def test_without_its_state_the_same_run_goes_elsewhere() -> None:
    model, resumed = tiny_model(), tiny_model()
    optimizers = Optimizers(model, tiny_config())
    step_with_gradients(model, optimizers, 1)
    resumed.load_state_dict(model.state_dict())
    step_with_gradients(model, optimizers, 2)
    step_with_gradients(resumed, Optimizers(resumed, tiny_config()), 2)
    assert not torch.equal(model.embedding.weight, resumed.embedding.weight)


def test_state_that_is_loaded_is_not_shared() -> None:
    model = tiny_model()
    optimizers = Optimizers(model, tiny_config())
    step_with_gradients(model, optimizers, 1)
    before = {name: value.clone() for name, value in optimizers.state().items()}
    other = tiny_model()
    others = Optimizers(other, tiny_config())
    others.load_state(optimizers.state())
    step_with_gradients(other, others, 2)
    assert all(torch.equal(value, before[name]) for name, value in optimizers.state().items())


def test_the_state_of_other_weights_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"holds blocks\.9\.attention\.qkv\.weight, which this model has not"):
        Optimizers(tiny_model(), tiny_config()).load_state({"blocks.9.attention.qkv.weight/exp_avg": torch.zeros(1)})


def test_muon_is_deterministic_though_it_computes_in_bfloat16() -> None:
    results = []
    for _ in range(2):
        model = tiny_model(d_model=64)
        optimizers = Optimizers(model, tiny_config(optimizer="muon"))
        for seed in range(3):
            step_with_gradients(model, optimizers, seed)
        results.append(weights_of(model))
    assert all(torch.equal(weight, results[1][name]) for name, weight in results[0].items())
