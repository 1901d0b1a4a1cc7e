"""Attention that skips the blocks between documents: flex_attention (Dong 2024). It has no backward pass on a CPU."""

from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from handspun.model.view import Slopes


def flexible_attention(
    q: Float[Tensor, "B H T Dh"], k: Float[Tensor, "B K T Dh"], v: Float[Tensor, "B K T Dh"], blocks: BlockMask, slopes: Slopes
) -> Float[Tensor, "B H T Dh"]:
    """softmax(q kᵀ / sqrt(Dh) - slope · distance) v over whole rows, each token among those that the blocks allow."""
    kernel = flexible_kernel(q.device.type)
    return kernel(q, k, v, score_mod=with_distance(slopes, q.device), block_mask=blocks, enable_gqa=q.shape[1] != k.shape[1])


def with_distance(slopes: Slopes, device: torch.device) -> Callable[..., Tensor] | None:
    """ALiBi as flex_attention takes it: score, row, head, query, key → score. None for layers without."""
    if slopes is None:
        return None
    slope = torch.tensor(slopes, device=device)
    return lambda score, _, head, query, key: score - slope[head] * (query - key)


@cache
def flexible_kernel(device_type: str) -> Callable[..., Tensor]:
    """Compiled where that makes it fast; on a CPU as it is written, which needs no compiler."""
    return torch.compile(flex_attention) if device_type == "cuda" else flex_attention
