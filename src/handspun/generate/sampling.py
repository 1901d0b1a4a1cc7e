"""From scores to the next token."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.generate.config import GenerateConfig

DRAW_BITS = 24
"""Random bits that choose a token: as many as fp32 tells apart below 1."""


def choose(scores: Float[Tensor, "R V"], config: GenerateConfig, draws: Sequence[float]) -> Int[Tensor, " R"]:
    """The next token of each row; sampled by a number from 0 to below 1 that each row has drawn for itself."""
    if config.temperature is None:
        return scores.max(-1).indices  # the first of the largest, as argmax, in a third of the time on a CPU
    scores, ids = narrowed(scores, config.top_k)
    below_best = scores - scores.amax(-1, keepdim=True)
    reached = limited(below_best / config.temperature, config).softmax(-1).cumsum(-1)
    drawn = torch.tensor(draws, dtype=reached.dtype, device=reached.device).unsqueeze(1) * reached[:, -1:]
    places = torch.searchsorted(reached, drawn, right=True)
    return (places if ids is None else ids.gather(1, places)).squeeze(1)


def narrowed(scores: Float[Tensor, "R V"], top_k: int | None) -> tuple[Float[Tensor, "R N"], Int[Tensor, "R N"] | None]:
    """The best scores of each row and their tokens, all that `top_k` may keep; the others need not be sorted or summed up."""
    if top_k is None or top_k >= scores.shape[-1]:
        return scores, None
    lowest = scores.topk(top_k).values[:, -1:]
    values, ids = scores.topk(int((scores >= lowest).sum(-1).max()))
    return values, ids


def penalized(logits: Float[Tensor, "R V"], read: Int[Tensor, "R S"], penalty: float) -> Float[Tensor, "R V"]:
    """Logits with those of tokens that were read divided by `penalty` where positive and multiplied by it where negative."""
    known = logits.gather(1, read)
    return logits.scatter(1, read, torch.where(known > 0, known / penalty, known * penalty))


def limited(scores: Float[Tensor, "R V"], config: GenerateConfig) -> Float[Tensor, "R V"]:
    """Scores with -inf for every token that top_k, top_p or min_p rule out, in this order; ties at a limit are kept."""
    if config.top_k is not None and config.top_k < scores.shape[-1]:
        scores = scores.masked_fill(scores < scores.topk(config.top_k).values[:, -1:], float("-inf"))
    if config.top_p is not None and config.top_p < 1:
        ordered, order = scores.softmax(-1).sort(descending=True)
        is_beyond = ordered.cumsum(-1) - ordered >= config.top_p
        scores = scores.masked_fill(torch.zeros_like(is_beyond).scatter(1, order, is_beyond), float("-inf"))
    if config.min_p is not None:
        probs = scores.softmax(-1)
        scores = scores.masked_fill(probs < config.min_p * probs.amax(-1, keepdim=True), float("-inf"))
    return scores
