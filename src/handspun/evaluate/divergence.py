"""What a model loses when its weights become smaller, on held-out text: bits per byte, and how its predictions differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.evaluate.bpb import half_overlapping
from handspun.model.transformer import Transformer
from handspun.progress import OnProgress

TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Divergence:
    """Two models on the same tokens. KL(full ‖ reduced) in nats per token; agreement is the share of equal likeliest tokens."""

    bpb_before: float
    bpb_after: float
    kl_mean: float
    kl_p99: float
    top1_agreement: float
    n_tokens: int


@torch.inference_mode()
def divergence(
    full: Transformer,
    reduced: Transformer,
    ids: Sequence[int] | np.ndarray,
    byte_lengths: np.ndarray,
    *,
    seq_len: int,
    on_progress: OnProgress,
) -> Divergence:
    """Compare the predictions of each token but the first, in windows that overlap by half, each token once."""
    numbers = np.asarray(ids, dtype=np.int64)
    nats, kl, agreed = torch.zeros(2, dtype=torch.float64), [], 0
    for start, first_scored, end in half_overlapping(len(numbers), seq_len):
        window = torch.from_numpy(numbers[start:end])
        scored, targets = slice(first_scored - start - 1, end - start - 1), window[first_scored - start :, None]
        before, after = (log_probs(model.eval(), window[None, :-1])[0, scored].cpu() for model in (full, reduced))
        nats -= torch.stack([before.gather(1, targets).sum(), after.gather(1, targets).sum()]).double()
        kl.append((before.exp() * (before - after)).sum(1))
        agreed += int((before.argmax(1) == after.argmax(1)).sum())
        on_progress(end, len(numbers))
    divergences, n_tokens = torch.cat(kl), len(numbers) - 1
    bits_per_byte = (nats / math.log(2) / int(byte_lengths[numbers[1:]].sum())).tolist()
    return Divergence(
        bpb_before=bits_per_byte[0],
        bpb_after=bits_per_byte[1],
        kl_mean=float(divergences.mean()),
        kl_p99=float(divergences.quantile(0.99)),
        top1_agreement=agreed / n_tokens,
        n_tokens=n_tokens,
    )


def log_probs(model: Transformer, ids: Int[Tensor, "1 T"]) -> Float[Tensor, "1 T V"]:
    """What a model expects after each token, what its copy head would quote mixed in."""
    ids = ids.to(next(model.parameters()).device)
    hidden = model(ids)
    logits, head = model.logits(hidden), model.copy_head
    if head is None:
        return logits.log_softmax(-1)
    n_tokens = ids.shape[1]
    allowed = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=ids.device).tril(-1)[None]
    scores = head.scores(head.queries(hidden).float(), head.key(hidden).float(), allowed)
    sources = (1 - head.gate(hidden).float().sigmoid()) * scores.softmax(-1) * allowed
    probs = (1 - sources.sum(-1, keepdim=True)) * logits.softmax(-1)
    quotable = torch.cat((ids[:, 1:], ids[:, :1]), dim=1).unsqueeze(1).expand_as(sources)
    return probs.scatter_add_(2, quotable, sources).clamp_(min=TINY).log_()
