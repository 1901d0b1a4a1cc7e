import pytest
import torch

from handspun.model.cache import KVCache
from handspun.model.config import ModelConfig
from handspun.model.cost import (
    GPU_LOGIT_SLICE_ELEMENTS,
    LOGIT_SLICE_ELEMENTS,
    activation_bytes_per_token,
    block_parameters,
    flops_per_token,
    kv_bytes,
    mean_stored_row,
    optimizer_states,
    parameters,
)
from handspun.model.transformer import Transformer
from handspun.train.config import TrainConfig
from handspun.train.loss import GPU_SLICE_ELEMENTS, SLICE_ELEMENTS
from handspun.train.optim import Optimizers

VOCAB = 101
GPT2 = {"position": "learned", "norm": "layernorm", "activation": "gelu_tanh", "bias": True, "qk_norm": False}
SHAPES = {
    "qwen3": {},
    "qwen3, grouped, untied": {"n_kv_heads": 2, "tie_embeddings": False},
    "llama": {"qk_norm": False, "d_ff": 100},
    "one key head, no positions": {"qk_norm": False, "n_kv_heads": 1, "position": "nope"},
    "gpt-2": GPT2,
    "gpt-2 without biases": {**GPT2, "bias": False},
    "alibi and nope with relu2": {"position": ("alibi", "nope"), "activation": "relu2", "tie_embeddings": False},
    "copy head": {"copy_head": True, "activation": "relu2"},
    "narrow copy head, biases": {"copy_head": True, "copy_dim": 8, "bias": True},
    "repeat embedding": {"repeat_embedding": True},
    "dropout": {"dropout": 0.1, "n_kv_heads": 2},
}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def tiny(**shape) -> ModelConfig:
    return ModelConfig(**{"d_model": 64, "n_layers": 2, "n_heads": 4, "max_seq_len": 512, **shape})


@every_shape
def test_parameters_are_those_of_the_built_model(shape):
    by_part = parameters(tiny(**shape), VOCAB)
    model = Transformer(tiny(**shape), VOCAB)
    assert sum(by_part.values()) == sum(weight.numel() for weight in model.parameters())
    for part in ("attention", "feed_forward"):
        assert by_part[part] == sum(weight.numel() for name, weight in model.named_parameters() if f".{part}." in name)


@every_shape
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_kv_bytes_are_those_of_the_cache(shape, dtype):
    cache = KVCache(tiny(**shape), 37, dtype=dtype, device=torch.device("cpu"))
    held = sum(part.nbytes for part in (*cache.keys, *cache.values, cache.copy_keys))
    assert kv_bytes(tiny(**shape), 37, dtype_bytes=dtype.itemsize) == held


@every_shape
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("seq_len", [48, 300])
def test_activations_are_what_autograd_keeps_of_a_token(shape, dtype, seq_len):
    model = Transformer(tiny(**shape), VOCAB, compute_dtype=dtype).initialize(0)
    kept = (kept_bytes(model, 3, seq_len) - kept_bytes(model, 1, seq_len)) / (2 * seq_len)
    assert activation_bytes_per_token(tiny(**shape), seq_len, dtype_bytes=dtype.itemsize) == pytest.approx(kept, rel=0.05)


def kept_bytes(model: Transformer, n_rows: int, seq_len: int) -> int:
    """Bytes of the storages that the forward pass leaves to the backward pass."""
    storages = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage
        return tensor

    ids = torch.randint(0, VOCAB, (n_rows, seq_len + 1))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = model(ids[:, :-1])
        held = [hidden, model.copy_head and model.copy_head.target_log_prob(hidden, ids[:, :-1], ids[:, 1:])]
        kept = sum(storage.nbytes() for storage in storages.values())
    del held
    return kept


@pytest.mark.parametrize(
    ("seq_len", "mean"), [(100, 100), (256, 256), (512, (256 + 512) // 2), (300, (256 * 256 + 44 * 300) // 300)]
)
def test_a_block_of_queries_keeps_weights_for_the_keys_up_to_its_end(seq_len, mean):
    assert mean_stored_row(seq_len) == mean


def test_flops_are_six_for_each_multiplied_weight_and_what_attention_takes():
    config = tiny(d_ff=128, qk_norm=False)
    matrices = 2 * (64 * 3 * 64 + 64 * 64 + 3 * 64 * 128) + VOCAB * 64
    assert flops_per_token(config, VOCAB, 32) == 6 * matrices + 12 * 2 * 64 * 32
    untied = flops_per_token(tiny(d_ff=128, qk_norm=False, tie_embeddings=False), VOCAB, 32)
    assert untied == flops_per_token(config, VOCAB, 32), "a tied head multiplies all the same"
    copying = flops_per_token(tiny(d_ff=128, qk_norm=False, copy_head=True, copy_dim=8), VOCAB, 32)
    assert copying - untied == 6 * (2 * 64 * 8 + 64) + 6 * 8 * 32


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_optimizer_states_are_those_of_the_optimizers(optimizer):
    model = Transformer(tiny(), VOCAB).initialize(0)
    optimizers = Optimizers(model, TrainConfig(optimizer=optimizer))
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizers.step(1.0)
    held = sum(tensor.numel() for name, tensor in optimizers.state().items() if not name.endswith("/step"))
    assert optimizer_states(tiny(), VOCAB, optimizer) == held


@every_shape
def test_a_block_has_its_share_of_the_parameters(shape):
    model = Transformer(tiny(**shape), VOCAB)
    assert block_parameters(tiny(**shape)) == sum(weight.numel() for weight in model.blocks[0].parameters())


def test_on_a_gpu_the_norms_keep_more_unless_they_are_compiled():
    for shape, is_more in (({}, True), (GPT2, False)):
        cpu, stock, compiled = (
            activation_bytes_per_token(tiny(**shape), 2048, dtype_bytes=2, kernels=kernels)
            for kernels in ("cpu", "stock", "compiled")
        )
        assert compiled == cpu <= stock
        assert (stock > cpu) == is_more


def test_the_logits_that_are_counted_are_those_of_the_loss():
    assert (LOGIT_SLICE_ELEMENTS, GPU_LOGIT_SLICE_ELEMENTS) == (SLICE_ELEMENTS, GPU_SLICE_ELEMENTS)
