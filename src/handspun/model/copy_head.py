"""A pointer over the context: the model may quote a token it has read instead of choosing one from its vocabulary.

The state at t is matched with those at j < t, and the token after j is copied: an induction head by construction.
p = g · softmax + (1 - g) · copy (pointer sentinel, Merity 2016; pointer-generator, See 2017).
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from handspun.model.config import ModelConfig
from handspun.model.linear import Linear

HIDDEN = -1e4
"""Score of a source that may not be copied from. Finite, so that a row without any source has gradients."""
FIRST_GATE = 2.0
"""Where the gate begins: mostly vocabulary, as copying is learnt later."""


class CopyHead(nn.Module):
    """Scores of copying the token after each earlier state, and the gate between vocabulary and copy."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.query = Linear(config.d_model, config.copy_dim, bias=False)
        self.key = Linear(config.d_model, config.copy_dim, bias=False)
        self.gate = Linear(config.d_model, 1, bias=True)

    def queries(self, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B T C"]:
        """What each state looks for, scaled so that scores keep unit size."""
        return self.query(hidden) * self.query.out_features**-0.5

    def scores(
        self, queries: Float[Tensor, "B T C"], keys: Float[Tensor, "B S C"], allowed: Bool[Tensor, "#B T S"]
    ) -> Float[Tensor, "B T S"]:
        """How well each earlier state matches, in fp32; HIDDEN where it is not `allowed`."""
        return (queries @ keys.transpose(1, 2)).float().masked_fill(~allowed, HIDDEN)

    def target_log_prob(
        self,
        hidden: Float[Tensor, "B T D"],
        ids: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"],
        segments: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T"]:
        """The log-probability that copying yields each target; about HIDDEN where the target was not read before."""
        n_tokens = ids.shape[1]
        position = torch.arange(n_tokens, device=ids.device)
        allowed = (position < position.unsqueeze(1))[None]
        if segments is not None:
            allowed = allowed & (segments.unsqueeze(1) == segments.unsqueeze(2))
        copied = torch.cat((ids[:, 1:], ids[:, :1]), dim=1)
        is_match = (copied.unsqueeze(1) == targets.unsqueeze(2)) & allowed
        return MatchedLogProb.apply(self.queries(hidden), self.key(hidden), allowed, is_match)  # type: ignore[no-any-return]


class MatchedLogProb(torch.autograd.Function):
    """The log of the share of softmax(q kᵀ) that falls on matches; HIDDEN, without a gradient, where nothing does.

    One pass of exponentials instead of four: what autograd makes of the difference of two logsumexp costs three times as much.
    """

    @staticmethod
    def forward(
        ctx: Any,
        queries: Float[Tensor, "B T C"],
        keys: Float[Tensor, "B T C"],
        allowed: Bool[Tensor, "#B T T"],
        is_match: Bool[Tensor, "B T T"],
    ) -> Float[Tensor, "B T"]:
        scores = (queries @ keys.transpose(1, 2)).float().masked_fill_(~allowed, HIDDEN)
        weights = torch.softmax(scores, dim=-1)
        matched = weights * is_match
        share = matched.sum(-1)
        ctx.save_for_backward(queries, keys, weights, matched, share)
        return share.log().clamp_(min=HIDDEN)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        queries, keys, weights, matched, share = ctx.saved_tensors
        grad = torch.where(share > 0, grads[0], 0.0).unsqueeze(-1)
        within = grad / share.clamp(min=torch.finfo(share.dtype).tiny).unsqueeze(-1)
        grad_scores = (matched * within).addcmul_(weights, grad, value=-1).to(queries.dtype)
        return grad_scores @ keys, grad_scores.transpose(1, 2) @ queries, None, None
