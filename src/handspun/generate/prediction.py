"""What a model expects next: its vocabulary, mixed with what its copy head would quote from the context."""

from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.model.cache import KVCache
from handspun.model.transformer import Transformer

SMALLEST = torch.finfo(torch.float32).tiny
"""Stands for a probability of zero, whose logarithm would be infinite."""


class Prediction:
    """The next token of each row, from the last state of what is in the cache."""

    def __init__(self, model: Transformer, hidden: Float[Tensor, "B D"], cache: KVCache) -> None:
        self.model, self.hidden, self.cache = model, hidden, cache
        self.vocabulary_logits: Float[Tensor, "B V"] = model.logits(hidden)

    @cached_property
    def sources(self) -> Float[Tensor, "B S"] | None:
        """The probability of quoting the token after each column of the cache but the last; None without a copy head."""
        head, n_sources = self.model.copy_head, self.cache.n_tokens - 1
        if head is None:
            return None
        allowed = self.cache.is_written(n_sources)
        queries = head.queries(self.hidden.unsqueeze(1)).float()
        scores = head.scores(queries, self.cache.copy_keys[:, :n_sources], allowed.unsqueeze(1)).squeeze(1)
        copying = 1 - head.gate(self.hidden).float().sigmoid()
        return copying * scores.softmax(-1) * allowed

    @cached_property
    def log_probs(self) -> Float[Tensor, "B V"]:
        """Log-probability of each token, however it is come by."""
        if self.sources is None:
            return self.vocabulary_logits.log_softmax(-1)
        probs = (1 - self.sources.sum(-1, keepdim=True)) * self.vocabulary_logits.softmax(-1)
        return probs.scatter_add_(1, self.quotable, self.sources).clamp_(min=SMALLEST).log_()

    @property
    def logits(self) -> Float[Tensor, "B V"]:
        """The log-probabilities on the scale of the vocabulary's own logits, which a repetition penalty is made for."""
        if self.sources is None:
            return self.vocabulary_logits
        return self.log_probs + self.vocabulary_logits.logsumexp(-1, keepdim=True)

    @property
    def quotable(self) -> Int[Tensor, "B S"]:
        """The token that each source would quote: the one after it."""
        return self.cache.ids[:, 1 : self.cache.n_tokens]

    def origins(self, chosen: Int[Tensor, " B"]) -> list[int | None]:
        """Where in its row each chosen token was quoted from; None where quoting is not most of its probability."""
        if self.sources is None or self.sources.shape[1] == 0:
            return [None] * len(chosen)
        weights = self.sources * (self.quotable == chosen.unsqueeze(1))
        is_quoted = weights.sum(-1) > 0.5 * self.log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1).exp()
        positions = weights.argmax(-1) + 1 - self.cache.starts
        return [position if quoted else None for position, quoted in zip(positions.tolist(), is_quoted.tolist())]
