import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from textbook import randomized
from torch import Tensor

from handspun.model.cache import KVCache
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer

VOCAB = 31
SHAPES = {
    "rope, grouped": {"n_kv_heads": 2},
    "learned": {"position": "learned", "norm": "layernorm", "bias": True, "qk_norm": False},
    "alibi": {"position": "alibi", "n_kv_heads": 1},
    "nope": {"position": "nope", "copy_head": True},
    "rope, repeats": {"repeat_embedding": True},
    "alibi and nope": {"position": ("alibi", "nope"), "n_kv_heads": 2},
    "rope and alibi": {"position": ("rope", "alibi"), "tie_embeddings": False},
}
MODELS = {
    name: randomized(Transformer(ModelConfig(d_model=16, n_layers=2, n_heads=4, max_seq_len=32, **shape), VOCAB))
    for name, shape in SHAPES.items()
}


def empty_cache(model: Transformer, starts: list[int], max_tokens: int) -> KVCache:
    return KVCache(model.config, starts=torch.tensor(starts), max_tokens=max_tokens, dtype=model.compute_dtype)


def read_in_chunks(model: Transformer, ids: Tensor, cache: KVCache, sizes: list[int]) -> Tensor:
    """The hidden states of `ids`, read in chunks of these sizes and then token by token."""
    sizes = [*sizes, *[1] * ids.shape[1]]
    hidden, start = [], 0
    for size in sizes:
        if start < ids.shape[1]:
            hidden.append(model(ids[:, start : start + size], cache=cache))
            start += size
    return torch.cat(hidden, dim=1)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(MODELS)),
    lengths=st.lists(st.integers(1, 14), min_size=1, max_size=3),
    sizes=st.lists(st.integers(1, 9), max_size=3),
    seed=st.integers(0, 99),
)
@torch.no_grad()
def test_reading_through_a_cache_gives_the_states_of_reading_at_once(name, lengths, sizes, seed):
    model, longest = MODELS[name], max(lengths)
    generator = torch.Generator().manual_seed(seed)
    prompts = [torch.randint(0, VOCAB, (length,), generator=generator) for length in lengths]
    padded = torch.stack([torch.nn.functional.pad(prompt, (longest - len(prompt), 0)) for prompt in prompts])
    cache = empty_cache(model, [longest - length for length in lengths], max_tokens=longest + 2)
    hidden = read_in_chunks(model, padded, cache, sizes)
    for row, prompt in enumerate(prompts):
        alone = model(prompt.unsqueeze(0))[0]
        assert (model.logits(hidden[row, longest - len(prompt) :]) - model.logits(alone)).abs().max() < 1e-4
    assert cache.n_tokens == longest and torch.equal(cache.ids[:, :longest], padded)


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_in_bfloat16_a_cache_changes_little(name):
    model = MODELS[name]
    ids = torch.randint(0, VOCAB, (2, 20), generator=torch.Generator().manual_seed(3))
    try:
        model.compute_dtype = torch.bfloat16
        through_cache = read_in_chunks(model, ids, empty_cache(model, [0, 0], 20), [7])
        at_once = model(ids)
    finally:
        model.compute_dtype = torch.float32
    assert through_cache.dtype == torch.bfloat16
    assert (through_cache - at_once).float().norm() < 0.03 * at_once.float().norm()


@torch.no_grad()
def test_what_stands_in_the_padding_changes_nothing():
    model = MODELS["rope, grouped"]
    ids = torch.randint(0, VOCAB, (2, 9), generator=torch.Generator().manual_seed(4))
    other = ids.clone()
    other[1, :4] = (other[1, :4] + 1) % VOCAB
    first, second = (read_in_chunks(model, padded, empty_cache(model, [0, 4], 9), [6]) for padded in (ids, other))
    assert torch.equal(first[1, 4:], second[1, 4:])
    without_starts = read_in_chunks(model, other, empty_cache(model, [0, 0], 9), [6])
    assert not torch.allclose(first[1, 4:], without_starts[1, 4:])


@torch.no_grad()
def test_rows_that_are_kept_go_on_as_if_the_others_had_never_been():
    model = MODELS["nope"]
    ids = torch.randint(0, VOCAB, (3, 8), generator=torch.Generator().manual_seed(5))
    cache = empty_cache(model, [0, 2, 0], 12)
    model(ids[:, :7], cache=cache)
    cache.keep(torch.tensor([1]))
    assert cache.starts.tolist() == [2] and cache.copy_keys.shape[0] == 1
    assert (model(ids[1:2, 7:], cache=cache)[0, -1] - model(ids[1:2, 2:])[0, -1]).abs().max() < 1e-4


def test_positions_count_from_the_start_of_each_row():
    cache = empty_cache(MODELS["nope"], [0, 3], 8)
    assert cache.positions(5).tolist() == [[0, 1, 2, 3, 4], [0, 0, 0, 0, 1]]
    cache.n_tokens = 5
    assert cache.positions(2).tolist() == [[5, 6], [2, 3]]
    assert cache.is_written(4).tolist() == [[True] * 4, [False, False, False, True]]


def test_a_row_that_starts_late_makes_the_cache_padded():
    assert empty_cache(MODELS["nope"], [0, 1], 4).is_padded
    assert not empty_cache(MODELS["nope"], [0, 0], 4).is_padded


@torch.no_grad()
def test_a_full_cache_takes_no_more():
    model = MODELS["alibi"]
    cache = empty_cache(model, [0], 4)
    model(torch.zeros(1, 4, dtype=torch.long), cache=cache)
    with pytest.raises(AssertionError, match="5 tokens in a cache made for 4"):
        model(torch.zeros(1, 1, dtype=torch.long), cache=cache)


@pytest.mark.parametrize("name", MODELS)
def test_it_holds_keys_and_values_of_the_kv_heads_alone(name):
    config, cache = MODELS[name].config, empty_cache(MODELS[name], [0, 0], 5)
    assert len(cache.keys) == len(cache.values) == config.n_layers
    assert {part.shape for part in (*cache.keys, *cache.values)} == {(2, config.kv_heads, 5, config.head_dim)}
    assert cache.copy_keys.shape == (2, 5, config.copy_dim if config.copy_head else 0)
    assert cache.max_tokens == 5
