"""Causal self-attention: who may look at whom, and the fastest exact way to compute it on this device."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from handspun.model.cache import KVCache
from handspun.model.config import ModelConfig
from handspun.model.linear import Linear
from handspun.model.norm import RMSNorm
from handspun.model.position import alibi_slopes, rotate

Slopes = tuple[float, ...] | None
"""ALiBi's slope of each head; None for layers without."""

LONGEST_STORED_ROW = 1024
"""Up to this many tokens the CPU keeps the attention weights for the backward pass; beyond it they are recomputed."""


@dataclass(frozen=True)
class View:
    """Which keys each query sees, shared by all layers of one forward pass.

    Queries are the last T of S columns. A query sees keys up to itself that are of its own segment and hold a token.
    """

    n_queries: int
    n_keys: int
    device: torch.device
    segments: Int[Tensor, "B S"] | None = None
    is_token: Bool[Tensor, "B S"] | None = None

    @property
    def is_plain(self) -> bool:
        """Nothing but the order of tokens limits what is seen."""
        return self.segments is None and self.is_token is None

    @cached_property
    def allowed(self) -> Bool[Tensor, "#B 1 T S"]:
        """True where the query may look at the key. A column without a token looks at itself, so that no row is empty."""
        keys = torch.arange(self.n_keys, device=self.device)
        queries = keys[self.n_keys - self.n_queries :].unsqueeze(1)
        allowed = (keys <= queries)[None, None]
        if self.segments is not None:
            same = self.segments[:, None, self.n_keys - self.n_queries :, None] == self.segments[:, None, None, :]
            allowed = allowed & same
        if self.is_token is not None:
            allowed = allowed & (self.is_token[:, None, None, :] | (keys == queries))
        return allowed

    @cached_property
    def distance(self) -> Int[Tensor, "T S"]:
        """How many tokens the key lies before the query."""
        keys = torch.arange(self.n_keys, device=self.device)
        return keys[self.n_keys - self.n_queries :].unsqueeze(1) - keys

    def bias(self, slopes: Slopes, dtype: torch.dtype) -> Float[Tensor, "#B #H T S"]:
        """What is added to the scores: -inf where it may not look, minus slope · distance under ALiBi."""
        if slopes is None:
            return self.hidden(dtype)
        return (self.hidden(torch.float32) - torch.tensor(slopes, device=self.device)[:, None, None] * self.distance).to(dtype)

    def hidden(self, dtype: torch.dtype) -> Float[Tensor, "#B 1 T S"]:
        """Zero where the query may look and -inf elsewhere."""
        return torch.zeros(self.allowed.shape, dtype=dtype, device=self.device).masked_fill_(~self.allowed, float("-inf"))


class Biases:
    """The score biases of one forward pass, each made once: layers with the same slopes share theirs."""

    def __init__(self, view: View, dtype: torch.dtype) -> None:
        self.view, self.dtype = view, dtype
        self.made: dict[Slopes, Tensor] = {}

    def of(self, slopes: Slopes) -> Float[Tensor, "#B #H T S"]:
        """The bias for a layer with these slopes, or with none."""
        if slopes not in self.made:
            self.made[slopes] = self.view.bias(slopes, self.dtype)
        return self.made[slopes]


class Attention(nn.Module):
    """Multi-head, grouped-query or multi-query attention (Vaswani 2017, Ainslie 2023), one matrix product for q, k and v."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.n_heads, self.n_kv_heads, self.head_dim = config.n_heads, config.kv_heads, config.head_dim
        self.dropout = config.dropout
        self.is_rotary = config.position_of(layer) == "rope"
        self.qkv = Linear(config.d_model, (self.n_heads + 2 * self.n_kv_heads) * self.head_dim, bias=config.bias)
        self.out = Linear(config.d_model, config.d_model, bias=config.bias)
        self.q_norm = RMSNorm(self.head_dim, config.norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(self.head_dim, config.norm_eps) if config.qk_norm else None
        self.slopes: Slopes = alibi_slopes(self.n_heads) if config.position_of(layer) == "alibi" else None

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        biases: Biases,
        rotary: tuple[Tensor, Tensor] | None,
        cache: KVCache | None,
    ) -> Float[Tensor, "B T D"]:
        n_rows, n_tokens, _ = x.shape
        heads = self.qkv(x).view(n_rows, n_tokens, -1, self.head_dim)
        q, k, v = heads.split((self.n_heads, self.n_kv_heads, self.n_kv_heads), dim=2)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.is_rotary and rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        if cache is not None:
            k, v = cache.extend(self.layer, k, v)
        mixed = attend(q, k, v, biases, self.slopes, dropout=self.dropout if self.training else 0.0)
        return self.out(mixed.transpose(1, 2).reshape(n_rows, n_tokens, -1))


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
    is_plain = view.is_plain and slopes is None
    if is_plain and view.n_queries == 1:
        return F.scaled_dot_product_attention(q, k, v, enable_gqa=q.shape[1] != k.shape[1])
    if pays_to_store(q, k, dropout):
        k, v = (tensor.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for tensor in (k, v))
        return StoredAttention.apply(q, k, v, biases.of(slopes))  # type: ignore[no-any-return]
    if q.device.type == "cuda" and view.segments is not None and view.n_queries == view.n_keys and dropout == 0:
        return flexible_attention(q, k, v, view, slopes)
    is_causal = is_plain and view.n_queries == view.n_keys
    return F.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=None if is_causal else biases.of(slopes),
        dropout_p=dropout,
        is_causal=is_causal,
        enable_gqa=q.shape[1] != k.shape[1],
    )


def pays_to_store(q: Tensor, k: Tensor, dropout: float) -> bool:
    """Whether keeping the attention weights beats recomputing them: half the time of the stock kernel for bf16 on a CPU."""
    return (
        q.device.type == "cpu"
        and q.dtype == torch.bfloat16
        and q.shape[2] == k.shape[2] <= LONGEST_STORED_ROW
        and dropout == 0
        and torch.is_grad_enabled()
    )


class StoredAttention(torch.autograd.Function):
    """Attention over whole rows that keeps its weights; queries go in blocks, each against the keys up to its end."""

    BLOCK = 256

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        q, k, v = (tensor.contiguous() for tensor in (q * q.shape[-1] ** -0.5, k, v))
        result = torch.empty_like(q.transpose(1, 2), memory_format=torch.contiguous_format).transpose(1, 2)
        weights = []
        for start in range(0, q.shape[2], StoredAttention.BLOCK):
            end = min(start + StoredAttention.BLOCK, q.shape[2])
            scores = q[:, :, start:end] @ k[:, :, :end].transpose(-1, -2)
            scores += bias[:, :, start:end, :end]
            weights.append(torch.softmax(scores, dim=-1))
            result[:, :, start:end] = weights[-1] @ v[:, :, :end]
        ctx.save_for_backward(q, k, v, *weights)
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, *weights = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_q, grad_k, grad_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for block, weight in enumerate(weights):
            start = block * StoredAttention.BLOCK
            end = start + weight.shape[2]
            grad_v[:, :, :end] += weight.transpose(-1, -2) @ grad[:, :, start:end]
            grad_weight = grad[:, :, start:end] @ v[:, :, :end].transpose(-1, -2)
            grad_scores = torch.ops.aten._softmax_backward_data(grad_weight, weight, -1, weight.dtype)
            grad_q[:, :, start:end] = grad_scores @ k[:, :, :end]
            grad_k[:, :, :end] += grad_scores.transpose(-1, -2) @ q[:, :, start:end]
        return grad_q.mul_(q.shape[-1] ** -0.5), grad_k, grad_v, None


def flexible_attention(q: Tensor, k: Tensor, v: Tensor, view: View, slopes: Slopes) -> Float[Tensor, "B H T Dh"]:
    """Attention that skips the blocks between documents (flex_attention); it has no backward pass on a CPU."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    segments = view.segments
    slope = None if slopes is None else torch.tensor(slopes, device=q.device)
    assert segments is not None

    def is_seen(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:  # noqa: ARG001
        return (key <= query) & (segments[row, query] == segments[row, key])

    def with_distance(score: Tensor, row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:  # noqa: ARG001
        assert slope is not None
        return score - slope[head] * (query - key)

    mask = create_block_mask(is_seen, len(segments), None, view.n_queries, view.n_keys, device=q.device.type)
    kernel = torch.compile(flex_attention) if q.device.type == "cuda" else flex_attention
    return kernel(  # type: ignore[return-value]
        q, k, v, score_mod=None if slope is None else with_distance, block_mask=mask, enable_gqa=q.shape[1] != k.shape[1]
    )
