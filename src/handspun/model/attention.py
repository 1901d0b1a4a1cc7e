"""Causal self-attention, computed by the fastest exact kernel that this device has."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from handspun.model.config import ModelConfig
from handspun.model.flexible_attention import flexible_attention
from handspun.model.linear import Linear
from handspun.model.norm import RMSNorm
from handspun.model.position import Rotary, alibi_slopes, rotate
from handspun.model.ragged import Ragged
from handspun.model.stored_attention import StoredAttention, pays_to_store
from handspun.model.view import Biases, Slopes


class Attention(nn.Module):
    """Multi-head, grouped-query or multi-query attention (Vaswani 2017, Ainslie 2023), one matrix product for q, k and v."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.n_heads, self.n_kv_heads, self.head_dim = config.n_heads, config.kv_heads, config.head_dim
        self.dropout = config.dropout
        self.is_rotary = config.position_of(layer) == "rope"
        self.slopes: Slopes = alibi_slopes(self.n_heads) if config.position_of(layer) == "alibi" else None
        self.qkv = Linear(config.d_model, (self.n_heads + 2 * self.n_kv_heads) * self.head_dim, bias=config.bias)
        self.out = Linear(config.d_model, config.d_model, bias=config.bias)
        self.q_norm = RMSNorm(self.head_dim, config.norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(self.head_dim, config.norm_eps) if config.qk_norm else None

    def forward(
        self, x: Float[Tensor, "B T D"], biases: Biases, rotary: Rotary | None, ragged: Ragged | None
    ) -> Float[Tensor, "B T D"]:
        heads = self.qkv(x).unflatten(-1, (-1, self.head_dim))
        q, k, v = heads.split((self.n_heads, self.n_kv_heads, self.n_kv_heads), dim=2)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.is_rotary and rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        if ragged is not None:
            mixed = attend_ragged(q, k, v, ragged, self.layer, self.slopes)
        else:
            mixed = attend(q, k, v, biases, self.slopes, dropout=self.dropout if self.training else 0.0)
        return self.out(mixed.transpose(1, 2).flatten(2))


def attend_ragged(
    q: Float[Tensor, "1 H T Dh"],
    k: Float[Tensor, "1 K T Dh"],
    v: Float[Tensor, "1 K T Dh"],
    ragged: Ragged,
    layer: int,
    slopes: Slopes,
) -> Float[Tensor, "1 H T Dh"]:
    """The same for the new tokens of ragged rows, each with all that is remembered of its own row."""
    ragged.cache.write(layer, ragged.places, k, v)
    queries = q.split(ragged.sizes, dim=2)
    mixed = [
        attend(row, *ragged.cache.read(layer, part.runs), biases, slopes)
        for row, part, biases in zip(queries, ragged.parts, ragged.biases)
    ]
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=2)


def attend(
    q: Float[Tensor, "B H T Dh"],
    k: Float[Tensor, "B K S Dh"],
    v: Float[Tensor, "B K S Dh"],
    biases: Biases,
    slopes: Slopes,
    *,
    dropout: float = 0.0,
) -> Float[Tensor, "B H T Dh"]:
    """softmax(q kᵀ / sqrt(Dh) + bias) v, by whichever exact kernel is fastest here."""
    view = biases.view
    is_whole, is_plain = view.n_queries == view.n_keys, view.is_plain and slopes is None
    if pays_to_store(q, k, dropout):
        k, v = (tensor.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for tensor in (k, v))
        return StoredAttention.apply(q, k, v, biases.of(slopes))  # type: ignore[no-any-return]
    if q.device.type == "cuda" and view.segments is not None and is_whole and dropout == 0:
        return flexible_attention(q, k, v, biases.blocks(), slopes)
    sees_all = is_plain and view.n_queries == 1
    is_causal = is_plain and is_whole and not sees_all
    bias = None if is_causal or sees_all else biases.of(slopes)
    is_grouped = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=bias, dropout_p=dropout, is_causal=is_causal, enable_gqa=is_grouped
    )
