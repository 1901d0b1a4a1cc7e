import subprocess
import sys
from pathlib import Path

import pytest
import torch
from reading import empty_cache
from stock import stock_model
from textbook import Textbook, randomized

from handspun.model.config import ModelConfig
from handspun.model.ragged import Part, Ragged
from handspun.model.transformer import Transformer

GPT2 = {"position": "learned", "norm": "layernorm", "activation": "gelu_tanh", "bias": True, "qk_norm": False, "norm_eps": 1e-5}
PORTABLE = {
    "gpt-2": GPT2,
    "gpt-2, exact gelu, untied": {**GPT2, "activation": "gelu", "tie_embeddings": False},
    "llama": {"qk_norm": False, "tie_embeddings": False},
    "llama, grouped": {"qk_norm": False, "n_kv_heads": 2, "rope_theta": 500_000.0},
    "llama, one key head": {"qk_norm": False, "n_kv_heads": 1},
    "qwen3": {},
    "qwen3, grouped, untied": {"n_kv_heads": 2, "tie_embeddings": False, "d_ff": 40},
}
OURS = {
    "alibi": {"position": "alibi"},
    "alibi, three heads": {"position": "alibi", "n_heads": 3, "d_model": 24},
    "nope": {"position": "nope", "qk_norm": False},
    "alibi and nope": {"position": ("alibi", "nope"), "n_layers": 3, "n_kv_heads": 2},
    "rope and nope, grouped": {"position": ("rope", "nope"), "n_kv_heads": 1},
    "learned with rmsnorm": {"position": "learned"},
    "relu2": {"activation": "relu2"},
    "relu2 with biases": {"activation": "relu2", "bias": True, "norm": "layernorm"},
    "gelu": {"activation": "gelu", "norm": "layernorm"},
    "gelu_tanh with biases": {"activation": "gelu_tanh", "bias": True},
    "repeat embedding": {"repeat_embedding": True},
    "swiglu with biases, untied": {"bias": True, "tie_embeddings": False},
}
VOCAB = 53


def build(**shape) -> Transformer:
    config = ModelConfig(**{"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64, **shape})
    return randomized(Transformer(config, VOCAB))


def some_ids(n_rows: int, n_tokens: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(0, VOCAB, (n_rows, n_tokens), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", PORTABLE.values(), ids=PORTABLE.keys())
@torch.no_grad()
def test_logits_are_those_of_the_stock_model_that_the_shape_is_portable_as(shape):
    model, ids = build(**shape), some_ids(2, 40)
    theirs = stock_model(model)(ids).logits
    assert theirs.std() > 0.5
    assert (model.logits(model(ids)) - theirs).abs().max() < 1e-4


@torch.no_grad()
def test_a_stock_model_of_another_shape_gives_other_logits():
    model, ids = build(rope_theta=10_000.0), some_ids(2, 40)
    other = stock_model(build(rope_theta=500.0))(ids).logits
    assert (model.logits(model(ids)) - other).abs().max() > 1e-2


@pytest.mark.parametrize("shape", (PORTABLE | OURS).values(), ids=(PORTABLE | OURS).keys())
@torch.no_grad()
def test_logits_are_those_of_the_textbook(shape):
    model, ids = build(**shape), some_ids(2, 12)
    expected = torch.stack([Textbook(model).logits(row) for row in ids])
    assert (model.logits(model(ids)) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("shape", OURS.values(), ids=OURS.keys())
@torch.no_grad()
def test_packed_documents_are_read_as_the_textbook_reads_them(shape):
    model, ids = build(**shape), some_ids(2, 12)
    segments = torch.tensor([[0] * 5 + [1] * 7, [3] * 1 + [4] * 9 + [5] * 2])
    expected = torch.stack([Textbook(model).logits(row, numbers) for row, numbers in zip(ids, segments)])
    assert (model.logits(model(ids, segments=segments)) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("position", ["learned", "rope", "alibi", "nope", ("alibi", "nope")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@torch.no_grad()
def test_the_future_cannot_reach_the_past(position, dtype):
    model, ids = build(position=position), some_ids(2, 30)
    model.compute_dtype = dtype
    changed = ids.clone()
    changed[:, 20:] = (changed[:, 20:] + 1) % VOCAB
    before, after = model(ids), model(changed)
    assert torch.equal(before[:, :20], after[:, :20])
    assert not torch.equal(before[:, 20:], after[:, 20:])


def test_no_gradient_flows_from_the_past_to_the_future():
    model = build(position="alibi", activation="relu2")
    model.compute_dtype = torch.bfloat16
    reached = {}
    model.blocks[0].register_forward_pre_hook(lambda _, inputs: reached.update(x=inputs[0]) or inputs[0].retain_grad())
    model(some_ids(1, 30))[:, 10].float().sum().backward()
    assert (reached["x"].grad[0, 11:] == 0).all()
    assert (reached["x"].grad[0, :11] != 0).any(-1).all()


@pytest.mark.parametrize("position", ["rope", "alibi", "nope"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_segments_cannot_see_each_other(position, dtype):
    model, ids = build(position=position), some_ids(1, 30)
    model.compute_dtype = dtype
    segments = torch.tensor([[0] * 11 + [1] * 19])
    packed = model(ids, segments=segments)
    changed = ids.clone()
    changed[:, :11] = (changed[:, :11] + 1) % VOCAB
    assert torch.equal(packed[:, 11:], model(changed, segments=segments)[:, 11:])
    assert not torch.equal(packed[:, 11:], model(ids)[:, 11:])


@pytest.mark.parametrize("position", ["rope", "alibi", "nope"])
@torch.no_grad()
def test_a_packed_document_reads_as_it_does_alone(position):
    model, ids = build(position=position), some_ids(1, 30)
    segments = torch.tensor([[0] * 11 + [1] * 19])
    packed, alone = model(ids, segments=segments)[:, 11:], model(ids[:, 11:])
    assert (packed - alone).abs().max() < 1e-4


def test_tied_embeddings_are_one_matrix_and_untied_ones_are_two():
    tied, untied = build(), build(tie_embeddings=False)
    assert tied.head_weight is tied.embedding.weight
    assert untied.head_weight is not untied.embedding.weight
    assert sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in tied.parameters()) == VOCAB * 32


def test_dropout_falls_only_in_training():
    model, ids = build(dropout=0.5), some_ids(1, 10)
    assert torch.equal(model(ids), model(ids))
    model.train()
    assert not torch.equal(model(ids), model(ids))


def test_fresh_weights_depend_on_the_seed_alone():
    def fresh(seed: int) -> dict[str, torch.Tensor]:
        return Transformer(ModelConfig(d_model=32, n_layers=1, copy_head=True), VOCAB).initialize(seed).state_dict()

    first, again, other = fresh(1), fresh(1), fresh(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["embedding.weight"], other["embedding.weight"])


@torch.no_grad()
def test_a_fresh_block_leaves_the_stream_as_it_is():
    model = Transformer(ModelConfig(d_model=32, n_layers=2, bias=True, norm="layernorm"), VOCAB).initialize(0)
    x = torch.randn(1, 5, 32)
    handed_on = {}
    model.blocks[-1].register_forward_hook(lambda _, __, output: handed_on.update(x=output))
    ids = some_ids(1, 5)
    model(ids)
    assert torch.equal(handed_on["x"], model.embedding.weight[ids])
    assert torch.equal(model.norm(x), torch.nn.functional.layer_norm(x, (32,), eps=model.config.norm_eps))


def test_the_matrices_of_the_blocks_are_those_that_multiply_states():
    model = build(bias=True, copy_head=True, tie_embeddings=False)
    names = {id(weight): name for name, weight in model.named_parameters()}
    found = {names[id(weight)].split(".", 2)[2] for weight in model.matrices()}
    assert found == {"attention.qkv.weight", "attention.out.weight", "feed_forward.up.weight", "feed_forward.down.weight"}


def test_ragged_rows_have_no_segments():
    model = build()
    ragged = Ragged(empty_cache(model, 4), [Part([1, 2, 3, 4], [range(4)])], torch.float32)
    with pytest.raises(AssertionError, match="one document"):
        model(ragged.ids, segments=torch.zeros_like(ragged.ids), ragged=ragged)


@pytest.mark.parametrize("shape", [{}, {"activation": "relu2", "position": ("alibi", "nope"), "bias": True, "copy_head": True}])
def test_weights_stay_float32_through_a_step_of_bfloat16_training(shape):
    model = build(norm="layernorm", **shape)
    model.compute_dtype = torch.bfloat16
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    hidden = model.train()(some_ids(2, 16))
    assert hidden.dtype == torch.bfloat16
    loss = model.logits(hidden).logsumexp(-1).mean()
    if model.copy_head is not None:
        ids = some_ids(2, 17)
        loss = loss - model.copy_head.target_log_prob(hidden, ids[:, :-1], ids[:, 1:]).mean()
        loss = loss + model.copy_head.gate(hidden).mean()
    loss.backward()
    optimizer.step()
    for name, weight in model.named_parameters():
        assert weight.dtype == torch.float32 and weight.grad is not None and weight.grad.dtype == torch.float32, name
        moved = weight.detach() - before[name]
        assert moved.any(), name
        assert moved.abs().max() < 1e-5, f"{name}: a step smaller than bf16 resolves must survive"


def test_a_model_that_was_cast_loses_small_steps():
    model = build().to(torch.bfloat16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0)
    before = model.norm.weight.detach().clone()
    model.compute_dtype = torch.bfloat16
    model.logits(model(some_ids(2, 16))).logsumexp(-1).mean().backward()
    optimizer.step()
    assert (model.norm.weight == before).float().mean() > 0.9


def test_a_model_compiles_into_one_graph_with_the_same_gradients():
    script = Path(__file__).with_name("compare_compiled.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
