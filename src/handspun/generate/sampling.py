"""From scores to the next token."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.generate.config import GenerateConfig


def choose(scores: Float[Tensor, "B V"], config: GenerateConfig, generators: Sequence[torch.Generator]) -> Int[Tensor, " B"]:
    """The next token of each row. Each row has its own generator, so its tokens do not depend on its neighbors."""
    if config.temperature is None:
        return scores.argmax(-1)
    below_best = scores - scores.amax(-1, keepdim=True)
    probs = limited(below_best / config.temperature, config).softmax(-1)
    return torch.cat([torch.multinomial(row, 1, generator=generator) for row, generator in zip(probs, generators)])


def penalized(
    logits: Float[Tensor, "B V"], contexts: Sequence[Int[Tensor, " _"]], penalty: float, window: int | None = None
) -> Float[Tensor, "B V"]:
    """Logits with those of tokens already in the context divided by `penalty` where positive and multiplied where negative.

    With a `window` only that many tokens at the end of each context count.
    """
    result = logits.clone()
    for row, context in enumerate(contexts):
        seen = context[-window:].unique() if window else context.unique()
        known = logits[row, seen]
        result[row, seen] = torch.where(known > 0, known / penalty, known * penalty)
    return result


def limited(scores: Float[Tensor, "B V"], config: GenerateConfig) -> Float[Tensor, "B V"]:
    """Scores with -inf for every token that top_k, top_p or min_p rule out, in this order; ties at a limit are kept."""
    if config.top_k is not None and config.top_k < scores.shape[-1]:
        scores = scores.masked_fill(scores < scores.topk(config.top_k).values[:, -1:], float("-inf"))
    if config.top_p is not None:
        ordered, order = scores.softmax(-1).sort(descending=True)
        is_beyond = ordered.cumsum(-1) - ordered >= config.top_p
        scores = scores.masked_fill(torch.zeros_like(is_beyond).scatter(1, order, is_beyond), float("-inf"))
    if config.min_p is not None:
        probs = scores.softmax(-1)
        scores = scores.masked_fill(probs < config.min_p * probs.amax(-1, keepdim=True), float("-inf"))
    return scores
