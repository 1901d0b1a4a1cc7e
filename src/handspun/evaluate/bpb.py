"""Bits per byte on held-out text: the one number that can be compared between tokenizers, and with a compressor."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from handspun.model.transformer import Transformer
from handspun.progress import OnProgress, unheard
from handspun.tokens.shards import ShardSet
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.loss import next_token_loss

ROWS = 16
"""Windows scored in one forward."""

Window = tuple[int, int, int]
"""Where a window starts, the first token it scores, and where it ends."""


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
    on_progress: OnProgress = unheard,
) -> HeldOutLoss:
    """Score the tokens of `shards` in windows of `seq_len` that overlap by half, each token once.

    A token is predicted from at least half a window of what came before it, except at the very beginning. With
    `max_tokens` (at least 2) only the beginning is scored.
    """
    model.eval()
    n_tokens = shards.n_tokens if max_tokens is None else min(max_tokens, shards.n_tokens)
    ids = shards.tokens(0, n_tokens).astype(np.int64)
    nats, windows = 0.0, list(half_overlapping(n_tokens, seq_len))
    for first in range(0, len(windows), ROWS):
        batch = windows[first : first + ROWS]
        nats += windows_nats(model, ids, batch)
        on_progress(batch[-1][2], n_tokens)
    n_bytes = shards.n_bytes if n_tokens == shards.n_tokens else int(tokenizer.byte_lengths[ids].sum())
    return HeldOutLoss(nats, n_tokens - 1, n_bytes)


def half_overlapping(n_tokens: int, seq_len: int) -> Iterator[Window]:
    """Windows of `seq_len + 1` tokens that score each token but the first exactly once."""
    start, scored = 0, 1
    while scored < n_tokens:
        end = min(start + seq_len + 1, n_tokens)
        yield start, scored, end
        start, scored = start + max(1, seq_len // 2), end


def windows_nats(model: Transformer, ids: np.ndarray, windows: Sequence[Window]) -> float:
    """The nats of the tokens that these windows score, each predicted from those before it in its window."""
    shape = (len(windows), max(end - start for start, _, end in windows))
    rows, counts = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    for row, (start, first_scored, end) in enumerate(windows):
        rows[row, : end - start] = ids[start:end]
        counts[row, first_scored - start : end - start] = True
    device = model.embedding.weight.device
    tokens, mask = torch.from_numpy(rows).to(device), torch.from_numpy(counts).to(device)
    return next_token_loss(model, tokens[:, :-1], tokens[:, 1:], mask[:, 1:]).item()
