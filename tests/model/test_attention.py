import pytest
import torch
from reading import empty_cache
from torch import Tensor

from handspun.model.attention import Attention, attend
from handspun.model.config import ModelConfig
from handspun.model.position import alibi_slopes
from handspun.model.ragged import Part, Ragged
from handspun.model.transformer import Transformer
from handspun.model.view import Biases, View

CPU = torch.device("cpu")


def plain(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    k, v = (part.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for part in (k, v))
    return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias, dim=-1) @ v


def qkv(n_queries: int, n_keys: int, n_kv_heads: int, dtype: torch.dtype) -> list[Tensor]:
    return [
        torch.randn(2, heads, n_tokens, 16).to(dtype).requires_grad_()
        for heads, n_tokens in ((4, n_queries), (n_kv_heads, n_keys), (n_kv_heads, n_keys))
    ]


@pytest.mark.parametrize("n_kv_heads", [4, 2, 1])
@pytest.mark.parametrize("slopes", [None, alibi_slopes(4)], ids=["plain", "alibi"])
@pytest.mark.parametrize(("n_queries", "n_keys"), [(1, 1), (9, 9), (1, 9), (4, 9)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)], ids=str)
def test_every_kernel_gives_the_formula_and_its_gradients(n_kv_heads, slopes, n_queries, n_keys, dtype, tolerance):
    q, k, v = qkv(n_queries, n_keys, n_kv_heads, dtype)
    view = View(n_queries, n_keys, CPU)
    ours = attend(q, k, v, Biases(view, dtype), slopes)
    wide = [part.detach().float().requires_grad_() for part in (q, k, v)]
    expected = plain(*wide, view.bias(slopes, torch.float32))
    torch.testing.assert_close(ours.float(), expected, rtol=tolerance, atol=tolerance)
    slope = torch.randn_like(expected)
    gradients = torch.autograd.grad(ours, (q, k, v), slope.to(dtype))
    for gradient, exact in zip(gradients, torch.autograd.grad(expected, wide, slope)):
        torch.testing.assert_close(gradient.float(), exact, rtol=tolerance, atol=2 * tolerance)


def test_dropout_hides_some_of_what_is_seen():
    q, k, v = qkv(9, 9, 4, torch.float32)
    biases = Biases(View(9, 9, CPU), torch.float32)
    assert not torch.equal(attend(q, k, v, biases, None, dropout=0.5), attend(q, k, v, biases, None))


def test_heads_share_keys_and_values_in_one_merged_matrix():
    grouped = Attention(ModelConfig(d_model=32, n_heads=4, n_kv_heads=2), layer=0)
    assert grouped.qkv.weight.shape == (4 * 8 + 2 * 2 * 8, 32)
    assert Attention(ModelConfig(d_model=32, n_heads=4), layer=0).qkv.weight.shape == (3 * 32, 32)


def test_a_layer_follows_its_place_in_the_cycle_of_positions():
    config = ModelConfig(d_model=32, n_heads=4, position=("alibi", "nope", "rope"))
    layers = [Attention(config, layer) for layer in range(3)]
    assert [layer.slopes for layer in layers] == [alibi_slopes(4), None, None]
    assert [layer.is_rotary for layer in layers] == [False, False, True]


@torch.no_grad()
def test_keys_and_values_are_remembered_in_the_layers_own_part_of_the_cache():
    config = ModelConfig(d_model=32, n_layers=2, n_heads=4, position="nope")
    cache = empty_cache(Transformer(config, 9), 3)
    for part in (*cache.keys, *cache.values):
        part.fill_(7.0)
    ragged = Ragged(cache, [Part([4, 5], [range(2)])], torch.float32)
    Attention(config, layer=1)(torch.randn(1, 2, 32), Biases(View(2, 2, CPU), torch.float32), None, ragged)
    assert (cache.keys[0] == 7).all() and (cache.keys[1][:, :2] != 7).all() and (cache.keys[1][:, 2] == 7).all()
