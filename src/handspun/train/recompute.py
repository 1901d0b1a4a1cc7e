"""Activation checkpointing (Chen 2016): a block's states are computed anew in the backward pass instead of being kept."""

from typing import Any, Literal

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from handspun.model.transformer import Transformer

EVERY = {"none": None, "selective": 2, "full": 1}
"""Of so many blocks one is computed anew."""


def recompute(model: Transformer, which: Literal["none", "selective", "full"]) -> None:
    """Let no block, every other one, or every one forget what it computed, and compute it again when gradients ask for it."""
    if (every := EVERY[which]) is not None:
        for block in list(model.blocks)[::every]:
            make_forgetful(block)


def make_forgetful(block: nn.Module) -> None:
    """Keep only what goes into a block. The same random numbers are drawn again, so dropout drops the same."""
    inner = block.forward

    def forward(*inputs: Any) -> Any:
        return checkpoint(inner, *inputs, use_reentrant=False) if torch.is_grad_enabled() else inner(*inputs)

    block.forward = forward
