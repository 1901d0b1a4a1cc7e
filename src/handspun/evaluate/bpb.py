"""Bits per byte on held-out text: the one number that can be compared between tokenizers, and with a compressor."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from handspun.model.transformer import Transformer
from handspun.tokens.shards import ShardSet
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.loss import next_token_loss

ROWS = 16
"""Windows scored in one forward."""


@dataclass(frozen=True)
class HeldOutLoss:
    """What a model pays for held-out text. Nats of every token, document borders included; bytes of the text alone."""

    nats: float
    n_tokens: int
    n_bytes: int

    @property
    def val_loss(self) -> float:
        """Nats per token."""
        return self.nats / self.n_tokens

    @property
    def val_bpb(self) -> float:
        """Bits per byte of text."""
        return self.nats / math.log(2) / self.n_bytes


@torch.inference_mode()
def held_out_loss(
    model: Transformer,
    shards: ShardSet,
    tokenizer: Tokenizer,
    *,
    seq_len: int,
    max_tokens: int | None = None,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> HeldOutLoss:
    """Score the tokens of `shards` in windows of `seq_len` that overlap by half, each token once.

    A token is predicted from at least half a window of what came before it, except at the very beginning. With
    `max_tokens` only the beginning is scored.
    """
    model.eval()
    ids = shards.tokens(0, min(shards.n_tokens, max_tokens or shards.n_tokens)).astype(np.int64)
    device = str(next(model.parameters()).device)
    nats, windows = 0.0, list(half_overlapping(len(ids), seq_len))
    for first in range(0, len(windows), ROWS):
        batch = windows[first : first + ROWS]
        n_tokens = max(end - start for start, _, end in batch)
        rows = np.zeros((len(batch), n_tokens), dtype=np.int64)
        counts = np.zeros((len(batch), n_tokens), dtype=bool)
        for row, (start, first_scored, end) in enumerate(batch):
            rows[row, : end - start] = ids[start:end]
            counts[row, first_scored - start : end - start] = True
        nats += window_nats(model, torch.from_numpy(rows).to(device), torch.from_numpy(counts).to(device))
        on_progress(batch[-1][2], len(ids))
    return HeldOutLoss(nats, len(ids) - 1, int(tokenizer.byte_lengths[ids].sum()))


def half_overlapping(n_tokens: int, seq_len: int) -> Iterator[tuple[int, int, int]]:
    """Windows (start, first token scored, end) that score each token but the first exactly once."""
    start, scored = 0, 1
    while scored < n_tokens:
        end = min(start + seq_len + 1, n_tokens)
        yield start, scored, end
        start, scored = start + seq_len // 2, end


def window_nats(model: Transformer, rows: Int[Tensor, "B T1"], counts: Tensor) -> float:
    """The nats of the tokens that count, each predicted from those before it in its row."""
    return next_token_loss(model, rows[:, :-1], rows[:, 1:], counts[:, 1:]).item()
