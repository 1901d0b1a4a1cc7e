import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import Reader, empty_cache
from textbook import randomized

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


def some_rows(lengths: list[int], seed: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, VOCAB, (length,), generator=generator).tolist() for length in lengths]


@settings(max_examples=60)
@given(
    name=st.sampled_from(sorted(MODELS)),
    lengths=st.lists(st.integers(1, 14), min_size=1, max_size=4),
    data=st.data(),
    seed=st.integers(0, 99),
)
@torch.no_grad()
def test_reading_through_a_cache_gives_the_states_of_reading_at_once(name, lengths, data, seed):
    model, rows = MODELS[name], some_rows(lengths, seed)
    counts = data.draw(st.lists(st.lists(st.integers(0, 9), min_size=len(rows), max_size=len(rows)), max_size=3))
    order = data.draw(st.permutations(range(sum(lengths) + 3))) if data.draw(st.booleans()) else range(sum(lengths))
    starts = [sum(lengths[:row]) for row in range(len(rows))]
    reader = Reader(model, rows, [list(order)[start : start + length] for start, length in zip(starts, lengths)])
    for row, hidden in zip(rows, reader.read_all(counts)):
        alone = model(torch.tensor([row]))[0]
        assert (model.logits(hidden) - model.logits(alone)).abs().max() < 1e-4


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_a_row_may_begin_with_what_another_has_read(name):
    model, (shared, *ends) = MODELS[name], some_rows([9, 4, 3], seed=2)
    rows = [shared + end for end in ends]
    reader = Reader(model, rows, [range(20, 33), [*range(20, 29), *range(40, 43)]])
    reader.read([13, 0])
    reader.n_read[1] = len(shared)
    (_, hidden) = reader.read([0, 3])
    assert (hidden - model(torch.tensor([rows[1]]))[0, len(shared) :]).abs().max() < 1e-4


@torch.no_grad()
def test_what_stands_beside_a_row_changes_nothing():
    model, rows = MODELS["nope"], some_rows([7, 5], seed=4)
    first, second = (Reader(model, rows, [range(3, 10), range(12, 17)]) for _ in range(2))
    for tensor in (*second.cache.keys, *second.cache.values, second.cache.copy_keys):
        tensor.fill_(float("nan"))
    for ours, theirs in zip(first.read_all([[4, 2]]), second.read_all([[4, 2]])):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_in_bfloat16_a_cache_changes_little(name):
    model, rows = MODELS[name], some_rows([20, 20], seed=3)
    try:
        model.compute_dtype = torch.bfloat16
        through_cache = torch.stack(Reader(model, rows, [range(20), range(20, 40)]).read_all([[7, 7]]))
        at_once = model(torch.tensor(rows))
    finally:
        model.compute_dtype = torch.float32
    assert through_cache.dtype == torch.bfloat16
    assert (through_cache - at_once).float().norm() < 0.03 * at_once.float().norm()


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_a_cache_that_has_grown_remembers_what_it_did(name):
    model, rows = MODELS[name], some_rows([8], seed=5)
    reader, other = (Reader(model, rows, [range(8)]) for _ in range(2))
    reader.read([5])
    other.read([5])
    reader.cache.grow(100)
    assert reader.cache.n_places == 100
    assert torch.equal(reader.read([3])[0], other.read([3])[0])


def test_one_run_is_read_without_a_copy_and_several_are_joined():
    cache = empty_cache(MODELS["nope"], 8)
    cache.keys[1].copy_(torch.arange(8.0).view(1, 8, 1, 1).expand_as(cache.keys[1]))
    keys, _ = cache.read(1, [range(2, 5)])
    assert keys.untyped_storage().data_ptr() == cache.keys[1].untyped_storage().data_ptr()
    assert keys[0, 0, :, 0].tolist() == [2, 3, 4]
    assert cache.read(1, [range(6, 8), range(0, 1)])[0][0, 0, :, 0].tolist() == [6, 7, 0]


@pytest.mark.parametrize("name", MODELS)
def test_it_holds_keys_and_values_of_the_kv_heads_alone(name):
    config, cache = MODELS[name].config, empty_cache(MODELS[name], 5)
    assert len(cache.keys) == len(cache.values) == config.n_layers
    assert {part.shape for part in (*cache.keys, *cache.values)} == {(1, 5, config.kv_heads, config.head_dim)}
    assert cache.copy_keys.shape == (5, config.copy_dim if config.copy_head else 0)
