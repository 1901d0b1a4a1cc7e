import pytest
import torch

from handspun.model.attention import attend
from handspun.model.flexible_attention import flexible_attention
from handspun.model.position import alibi_slopes
from handspun.model.view import Biases, View


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")
@pytest.mark.parametrize("n_kv_heads", [4, 2, 1])
@pytest.mark.parametrize("slopes", [None, alibi_slopes(4)], ids=["plain", "alibi"])
@torch.no_grad()
def test_it_agrees_with_the_dense_path(n_kv_heads, slopes):
    q, k, v = torch.randn(2, 4, 130, 16), torch.randn(2, n_kv_heads, 130, 16), torch.randn(2, n_kv_heads, 130, 16)
    segments = torch.tensor([[0] * 60 + [1] * 70, [0] * 129 + [1]])
    view = View(130, 130, q.device, segments=segments)
    dense = attend(q, k, v, Biases(view, q.dtype), slopes)
    assert (flexible_attention(q, k, v, view.blocks(), slopes) - dense).abs().max() < 1e-5
