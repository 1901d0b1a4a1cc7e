"""What a model expects next: its vocabulary, mixed with what its copy head would quote from the context."""

from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.model.ragged import Context
from handspun.model.transformer import Transformer

SMALLEST = torch.finfo(torch.float32).tiny
"""Stands for a probability of zero, whose logarithm would be infinite."""


class Prediction:
    """The next token of each row, from its last state; a copy head needs the context that it may quote."""

    def __init__(self, model: Transformer, hidden: Float[Tensor, "R D"], context: Context | None) -> None:
        self.model, self.hidden, self.context = model, hidden, context
        self.vocabulary_logits: Float[Tensor, "R V"] = model.logits(hidden)

    @cached_property
    def sources(self) -> Float[Tensor, "R S"] | None:
        """The probability of quoting the token after each column of the context but the last; None without a copy head."""
        head, context = self.model.copy_head, self.context
        if head is None:
            return None
        assert context is not None, "a copy head quotes from a context"
        keys = context.copy_keys[:, :-1]
        allowed = torch.arange(keys.shape[1], device=keys.device) < context.n_tokens - 1
        queries = head.queries(self.hidden.unsqueeze(1)).float()
        scores = head.scores(queries, keys, allowed.unsqueeze(1)).squeeze(1)
        copying = 1 - head.gate(self.hidden).float().sigmoid()
        return copying * scores.softmax(-1) * allowed

    @cached_property
    def log_probs(self) -> Float[Tensor, "R V"]:
        """Log-probability of each token, however it is come by."""
        if self.sources is None:
            return self.vocabulary_logits.log_softmax(-1)
        probs = (1 - self.sources.sum(-1, keepdim=True)) * self.vocabulary_logits.softmax(-1)
        return probs.scatter_add_(1, self.quotable, self.sources).clamp_(min=SMALLEST).log_()

    @property
    def logits(self) -> Float[Tensor, "R V"]:
        """The log-probabilities on the scale of the vocabulary's own logits, which a repetition penalty is made for."""
        if self.sources is None:
            return self.vocabulary_logits
        return self.log_probs + self.vocabulary_logits.logsumexp(-1, keepdim=True)

    @property
    def quotable(self) -> Int[Tensor, "R S"]:
        """The token that each source would quote: the one after it."""
        assert self.context is not None
        return self.context.ids[:, 1:]

    def origins(self, chosen: Int[Tensor, " R"]) -> Int[Tensor, " R"]:
        """Where in its row each chosen token was quoted from; -1 where quoting is not most of its probability."""
        nowhere = torch.full_like(chosen, -1)
        if self.sources is None or self.sources.shape[1] == 0:
            return nowhere
        weights = self.sources * (self.quotable == chosen.unsqueeze(1))
        is_quoted = weights.sum(-1) > 0.5 * self.log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1).exp()
        return torch.where(is_quoted, weights.argmax(-1) + 1, nowhere)
