"""Cross-entropy of the next token, computed a slice of rows at a time so that the logits never exist all at once.

The gradients are found in the same sweep as the loss (as in Liger Kernel, Hsu 2024): three matrix products instead of four,
and memory for one slice instead of tokens × vocabulary × 4 bytes, several times over.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from handspun.model.transformer import Transformer

SLICE_ELEMENTS = 1 << 21
"""Logits per slice: small enough to stay in the processor's cache between the steps of a softmax."""


def next_token_loss(
    model: Transformer,
    ids: Int[Tensor, "B T"],
    targets: Int[Tensor, "B T"],
    loss_mask: Bool[Tensor, "B T"],
    segments: Int[Tensor, "B T"] | None = None,
) -> Float[Tensor, ""]:
    """The sum over counted tokens of -log p(target), in nats."""
    hidden = model(ids, segments=segments)
    counted = loss_mask.flatten().nonzero().squeeze(1)
    copied = gate = None
    if model.copy_head is not None:
        copied = model.copy_head.target_log_prob(hidden, ids, targets, segments).flatten()[counted]
        gate = model.copy_head.gate(hidden).flatten()[counted].float()
    return SlicedCrossEntropy.apply(  # type: ignore[no-any-return]
        hidden.flatten(0, 1).index_select(0, counted),
        model.head_weight,
        targets.flatten()[counted],
        copied,
        gate,
        torch.is_grad_enabled(),
    )


class SlicedCrossEntropy(torch.autograd.Function):
    """Sum of -log(g · softmax(h Wᵀ)[y] + (1 - g) · copied[y]) over rows; without a copy head, plain cross-entropy."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Float[Tensor, "N D"],
        head: Float[Tensor, "V D"],
        targets: Int[Tensor, " N"],
        copied: Float[Tensor, " N"] | None,
        gate: Float[Tensor, " N"] | None,
        wants_grads: bool,
    ) -> Float[Tensor, ""]:
        weight = head.to(hidden.dtype)
        grad_hidden, grad_head = torch.zeros_like(hidden), torch.zeros_like(weight, dtype=torch.float32)
        log_prob = hidden.new_empty(len(targets), dtype=torch.float32)
        share = torch.ones_like(log_prob)
        n_rows = max(1, SLICE_ELEMENTS // len(weight))
        for start in range(0, len(targets), n_rows):
            part = slice(start, start + n_rows)
            logits = hidden[part] @ weight.T
            log_prob[part], probs = log_prob_and_probs(logits, targets[part])
            if copied is not None and gate is not None:
                log_prob[part], share[part] = mixed(log_prob[part], copied[part], gate[part])
            if wants_grads:
                probs.scatter_add_(1, targets[part, None], probs.new_full((len(probs), 1), -1))
                slope = torch.mul(probs, share[part, None], out=logits)
                torch.mm(slope, weight, out=grad_hidden[part])
                grad_head += slope.T @ hidden[part]
        ctx.save_for_backward(grad_hidden, grad_head, share, gate)
        return -log_prob.sum()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, None, Tensor | None, Tensor | None, None]:
        grad_hidden, grad_head, share, gate = ctx.saved_tensors
        (scale,) = outer
        grad_copied = grad_gate = None
        if gate is not None:
            grad_copied = (share - 1) * scale
            grad_gate = (gate.sigmoid() - share) * scale
        return grad_hidden * scale, grad_head * scale, None, grad_copied, grad_gate, None


def log_prob_and_probs(
    logits: Float[Tensor, "N V"], targets: Int[Tensor, " N"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, "N V"]]:
    """Of each row the log-probability of its target, and the probability of every token; both fp32."""
    wide = logits.float()
    probs = torch.softmax(wide, dim=-1)
    log_sum_exp = wide.amax(-1) - probs.amax(-1).log()  # no second pass of exponentials over the row
    return wide.gather(1, targets.unsqueeze(1)).squeeze(1) - log_sum_exp, probs


def mixed(
    log_prob: Float[Tensor, " N"], copied: Float[Tensor, " N"], gate: Float[Tensor, " N"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """The log of g · p + (1 - g) · copied with g = sigmoid(gate), and the share of it that the first term has."""
    chosen = log_prob + F.logsigmoid(gate)
    mixture = torch.logaddexp(chosen, copied + F.logsigmoid(-gate))
    return mixture, (chosen - mixture).exp()
